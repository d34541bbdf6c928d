"""Replacements: what Flask extensions put in the place of an app's methods serves Quart too."""

import sys
from collections.abc import Callable
from functools import wraps
from inspect import Parameter, iscoroutinefunction, signature
from types import FunctionType
from typing import Any

from quart import Quart

from .hooks import as_hook_table
from .portals import call
from .versions import CONTEXT_CLASSES
from .waiting import dual

SESSION_METHODS = ("open_session", "save_session", "make_null_session")


def adopt(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a replacement written for Flask serve Quart, which awaits it, and sync code."""
    takes_context = _takes_context(function)

    async def replacement(*args: Any, **kwargs: Any) -> Any:
        if not takes_context:
            args = tuple(arg for arg in args if not isinstance(arg, CONTEXT_CLASSES))
        return await call(function, *args, **kwargs)

    return wraps(function)(dual(replacement))


def _takes_context(function: Callable[..., Any]) -> bool:
    return any(
        "ctx" in parameter.name
        or "context" in parameter.name
        or parameter.kind is Parameter.VAR_POSITIONAL
        for parameter in signature(function).parameters.values()
    )


class Replaceable:
    """A method of an app's class whose replacement Quart finds adopted, and others as it is.

    It stands in the class of an app of which the method was replaced, so that it costs no other.
    """

    def __init__(self, cls: type[Quart], name: str) -> None:
        self.native: Any = getattr(cls, name)
        self.name = name

    def __get__(self, app: Any, owner: type | None = None) -> Any:
        if app is None:
            return self.native
        # What `super()` asks for is the method of a class.
        found = vars(app).get(self.name) if vars(type(app)).get(self.name) is self else None
        if found is None:
            return self.native.__get__(app, owner)
        caller = sys._getframe(1).f_globals.get("__name__", "")
        return vars(app)["_adopted"][self.name] if caller.startswith("quart.") else found

    def __set__(self, app: Any, value: Any) -> None:
        vars(app).setdefault("_adopted", {})[self.name] = adopt(value)
        vars(app)[self.name] = value

    def __delete__(self, app: Any) -> None:
        del vars(app)[self.name], vars(app)["_adopted"][self.name]


def patch_replacements(names: tuple[str, ...]) -> None:
    """Let sync functions replace the methods of these names, on an app or in a class."""

    def set_attribute(self: Quart, name: str, value: Any) -> None:
        cls = type(self)
        if name in names and not isinstance(vars(cls).get(name), Replaceable):
            setattr(cls, name, Replaceable(cls, name))
        elif name == "session_interface":
            _adopt_session_interface(value)
        object.__setattr__(self, name, as_hook_table(value))

    def init_subclass(cls: type[Quart], /, **kwargs: Any) -> None:
        super(Quart, cls).__init_subclass__(**kwargs)
        for name in names:
            if isinstance(vars(cls).get(name), FunctionType):
                setattr(cls, name, adopt(vars(cls)[name]))

    app: Any = Quart
    app.__setattr__ = set_attribute
    app.__init_subclass__ = classmethod(init_subclass)


def _adopt_session_interface(interface: Any) -> None:
    for name in SESSION_METHODS:
        if not iscoroutinefunction(getattr(interface, name)):
            setattr(interface, name, adopt(getattr(interface, name)))
