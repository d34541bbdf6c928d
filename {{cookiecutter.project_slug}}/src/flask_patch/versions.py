"""What differs between versions of Quart, and what a fault in one of them calls for."""

import sys
from asyncio import CancelledError, Task
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from inspect import signature
from types import FunctionType
from typing import Any, cast

import quart.ctx
import quart.globals
import quart.helpers
import quart.signals
import quart.wrappers
from blinker import NamedSignal
from quart import Quart
from quart.ctx import AppContext

from .waiting import ASYNC, TRANSPARENT, dual

# Quart 0.23, like Flask 3.2, has one context for app and request; Quart 0.22 has one for each.
ONE_CONTEXT = not hasattr(quart.globals, "_cv_request")

CONTEXT_CLASSES: tuple[type[Any], ...] = tuple(
    getattr(quart.ctx, name)
    for name in ("AppContext", "RequestContext", "WebsocketContext")
    if hasattr(quart.ctx, name)
)

# Those that hold the session, each as `session`, Quart 0.23 also as `_session`.
SESSION_CONTEXTS = tuple(cls for cls in CONTEXT_CLASSES if ONE_CONTEXT or cls is not AppContext)

NO_REQUEST = "Not within a request or websocket context"


def _context_quart_0_23() -> Any:
    ctx: Any = quart.globals._cv_app.get(None)
    return ctx if ctx is not None and (ctx.has_request or ctx.has_websocket) else None


def _request_quart_0_23() -> Any:
    ctx: Any = quart.globals._cv_app.get(None)
    request = None if ctx is None else ctx._request or ctx._websocket
    if request is None:
        raise RuntimeError(NO_REQUEST)
    return request


def _context_quart_0_22() -> Any:
    variables: Any = quart.globals
    return variables._cv_request.get(None) or variables._cv_websocket.get(None)


def _request_quart_0_22() -> Any:
    ctx = _context_quart_0_22()
    if ctx is None:
        raise RuntimeError(NO_REQUEST)
    return ctx.request_websocket


# The context of the current request or websocket, or None; and the request or websocket itself.
find_request_context: Callable[[], Any] = (
    _context_quart_0_23 if ONE_CONTEXT else _context_quart_0_22
)
current_request: Callable[[], Any] = _request_quart_0_23 if ONE_CONTEXT else _request_quart_0_22


def find_contexts() -> dict[ContextVar[Any], Any]:
    """Return the current contexts of the app and of a request, by the variables that hold them."""
    variables: Any = quart.globals
    names = ["_cv_app"] if ONE_CONTEXT else ["_cv_app", "_cv_request"]
    return {getattr(variables, name): getattr(variables, name).get() for name in names}


class _ClientDisconnected(Exception):
    pass


# What Quart 0.23 raises when the client has gone; Quart 0.22 has nothing of the kind.
ClientDisconnected: type[Exception] = getattr(
    quart.wrappers, "ClientDisconnectedError", _ClientDisconnected
)


async def listen(
    connection: Any, request: quart.wrappers.Request, receive: Any, task: Task[Any]
) -> None:
    """Pass on what the client sends, and cancel the request's task when the client has gone."""
    if ONE_CONTEXT:
        await connection.handle_messages(request, receive, task)
    else:
        await connection.handle_messages(request, receive)
        task.cancel()


def share_g(ctx: Any) -> None:
    """Let sync code that enters a request's context keep the `g` of the app's, as in Flask 3.1."""
    if ONE_CONTEXT and (ctx.has_request or ctx.has_websocket) and ctx._push_count == 0:
        outer: Any = quart.globals._cv_app.get(None)
        ctx.g = outer.g if outer is not None and outer.app is ctx.app else ctx.g


def uncover(ctx: Any) -> None:
    """Make the context current again where a test's past request, kept for a look, covers it.

    With one context for app and request, a test cannot leave its app context otherwise.
    """
    variable: Any = quart.globals._cv_app
    active = variable.get(None)
    if ONE_CONTEXT and active is not ctx and getattr(active, "kept_over", None) is ctx:
        variable.set(ctx)


def make_context_optional(native: Callable[..., Any]) -> Callable[..., Any]:
    """Let the context that Quart 0.23 passes first to a method be left out."""
    if not _takes_context(native):
        return native

    @wraps(native)
    def method(self: Quart, *args: Any, **kwargs: Any) -> Any:
        if "ctx" in kwargs or (args and isinstance(args[0], CONTEXT_CLASSES)):
            return native(self, *args, **kwargs)
        return native(self, quart.globals.app_ctx._get_current_object(), *args, **kwargs)

    return method


def dual_method(native: Callable[..., Any]) -> Callable[..., Any]:
    """Make the method dual, and its context optional."""
    answer = dual(make_context_optional(native))
    if not _takes_context(native):
        return answer

    @wraps(native)
    def method(self: Quart, ctx: Any = None, *args: Any, **kwargs: Any) -> Any:
        # Quart's own call, several times a request.
        if type(ctx) is AppContext and sys._getframe(1).f_code.co_flags & ASYNC:
            return native(self, ctx, *args, **kwargs)
        return answer(self, *(() if ctx is None else (ctx,)), *args, **kwargs)

    TRANSPARENT.add(cast(FunctionType, method).__code__)
    return method


def _takes_context(method: Callable[..., Any]) -> bool:
    return list(signature(method).parameters)[1:2] == ["ctx"]


def end_with_cancellation(native: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    """Raise CancelledError, and no group of it, where a teardown that waits is cancelled."""

    @wraps(native)
    def raise_any(self: Any, message: str) -> None:
        if self.errors and all(isinstance(error, CancelledError) for error in self.errors):
            raise self.errors[0]
        native(self, message)

    return raise_any


def mend_teardowns() -> None:
    """Let servers see that Quart 0.23 ended a request because its client has gone."""
    if ONE_CONTEXT:
        collect: Any = vars(quart.helpers)["_CollectErrors"]
        collect.raise_any = end_with_cancellation(collect.raise_any)


class ContextSignal(NamedSignal):
    """A signal that takes Quart's `_async_wrapper` for the `_sync_wrapper` it means."""

    async def send_async(
        self, sender: Any = None, /, *, _async_wrapper: Any = None, **kwargs: Any
    ) -> Any:
        """Send the signal to sync receivers too."""
        if not self.receivers:
            return []
        if _async_wrapper is not None:
            kwargs["_sync_wrapper"] = _async_wrapper
        return await super().send_async(sender, **kwargs)


def work_around_signal_bug() -> None:
    """Keep sync receivers of two signals of Quart 0.23.0 and 0.23.1 from failing every request."""
    if ONE_CONTEXT:
        for signal in (quart.signals.appcontext_pushed, quart.signals.appcontext_popped):
            signal.__class__ = ContextSignal
