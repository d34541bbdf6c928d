"""Assertions by the names that nose gave them."""

from unittest import TestCase

_case = TestCase()
assert_equal = assert_equals = _case.assertEqual
assert_true, assert_false = _case.assertTrue, _case.assertFalse
assert_raises = _case.assertRaises
