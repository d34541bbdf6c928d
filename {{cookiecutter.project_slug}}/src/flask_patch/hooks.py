"""Hooks: an app's tables of them hold those that were registered, and nothing else, as in Flask."""

import sys
from collections import defaultdict
from inspect import CO_COROUTINE
from typing import Any

import quart.app


class HookTable(defaultdict[Any, Any]):
    """Makes a list where one is to be added to, but none where Quart looks for hooks to run."""

    def __missing__(self, name: Any) -> Any:
        caller = sys._getframe(1)
        if caller.f_globals is QUARTS and caller.f_code.co_flags & CO_COROUTINE:
            return ()
        return super().__missing__(name)


QUARTS = vars(quart.app)


def as_hook_table(value: Any) -> Any:
    """Return a table of hooks as one that does not grow, and anything else as it is."""
    if type(value) is defaultdict and value.default_factory is list:
        return HookTable(list, value)
    return value
