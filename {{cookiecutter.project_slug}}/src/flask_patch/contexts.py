"""Contexts: Flask's proxies and context variables follow Quart's."""

import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from functools import wraps
from types import TracebackType
from typing import Any

import flask.globals
import quart.globals
from quart.testing import QuartClient
from werkzeug.local import LocalProxy

from .versions import (
    CONTEXT_CLASSES,
    NO_REQUEST,
    current_request,
    find_request_context,
    mend_teardowns,
    share_g,
    uncover,
)
from .waiting import ASYNC, called_by_async, lasting_loop, wait_here


class RequestContextVar:
    """Stands in for Flask's ContextVar; a websocket passes for the request it began as."""

    def get(self, *default: Any) -> Any:
        """Return the current context, else the default, else raise LookupError."""
        ctx = find_request_context()
        if ctx is not None:
            return ctx
        if default:
            return default[0]
        raise LookupError(NO_REQUEST)


def _current_request_context() -> Any:
    ctx = find_request_context()
    if ctx is None:
        raise RuntimeError(NO_REQUEST)
    return ctx


def repoint_contexts() -> None:
    """Aim Flask's proxies at Quart's contexts, in place, and its modules' variables too."""
    for name in ("app_ctx", "current_app", "g", "session"):
        _aim(getattr(flask.globals, name), getattr(quart.globals, name))
    _aim(flask.globals.request, LocalProxy(current_request))
    if "request_ctx" in vars(flask.globals):  # Gone in Flask 3.2.
        _aim(flask.globals.request_ctx, LocalProxy(_current_request_context))
    variables = {"_cv_app": quart.globals._cv_app, "_cv_request": RequestContextVar()}
    for module_name, module in list(sys.modules.items()):
        if module_name == "flask" or module_name.startswith("flask."):
            for name in variables.keys() & vars(module).keys():
                setattr(module, name, variables[name])


def _aim(proxy: Any, target: Any) -> None:
    for slot in ("_get_current_object", "_LocalProxy__wrapped"):
        object.__setattr__(proxy, slot, object.__getattribute__(target, slot))


def _dual_push(native: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let sync code push a context, too."""

    @wraps(native)
    def push(self: Any) -> Any:
        if sys._getframe(1).f_code.co_flags & ASYNC or called_by_async():
            return native(self)
        share_g(self)
        return wait_here(native(self))

    return push


def _dual_pop(native: Callable[..., Any]) -> Callable[..., Any]:
    """Let sync code pop a context, too."""

    @wraps(native)
    def pop(self: Any, *error: Any) -> Any:
        if sys._getframe(1).f_code.co_flags & ASYNC or called_by_async():
            return native(self, *error)
        uncover(self)
        return wait_here(native(self, *error))

    return pop


def _enter(self: Any) -> Any:
    self.push()
    return self


def _exit(
    self: Any,
    _type: type[BaseException] | None,
    error: BaseException | None,
    _traceback: TracebackType | None,
) -> None:
    uncover(self)
    wait_here(self.__aexit__(_type, error, _traceback))


class EitherManager:
    """A context manager for `with` and for `async with`."""

    def __init__(self, manager: AbstractAsyncContextManager[Any]) -> None:
        self._manager = manager

    async def __aenter__(self) -> Any:
        return await self._manager.__aenter__()

    async def __aexit__(self, *error: Any) -> bool | None:
        return await self._manager.__aexit__(*error)

    def __enter__(self) -> Any:
        with ExitStack() as stack:
            stack.enter_context(lasting_loop())
            entered = wait_here(self.__aenter__())
            self._loop = stack.pop_all()
        return entered

    def __exit__(self, *error: Any) -> Any:
        with self._loop:
            return wait_here(self.__aexit__(*error))


def _session_transaction(self: QuartClient, *args: Any, **kwargs: Any) -> EitherManager:
    return EitherManager(_native_session_transaction(self, *args, **kwargs))


_native_session_transaction = QuartClient.session_transaction


def make_contexts_synchronous() -> None:
    """Let sync code enter, push and pop contexts, and a test client's sessions too."""
    client: Any = QuartClient
    client.session_transaction = _session_transaction
    mend_teardowns()
    for cls in CONTEXT_CLASSES:
        # Waiting here, not on another thread's loop: the context has to be current in this thread.
        cls.push = _dual_push(cls.push)
        cls.pop = _dual_pop(cls.pop)
        cls.__enter__ = _enter
        cls.__exit__ = _exit
