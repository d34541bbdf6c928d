"""What Flask-RESTful's suite takes from nose, which does not import on current Pythons."""

from unittest import SkipTest

__all__ = ["SkipTest"]
