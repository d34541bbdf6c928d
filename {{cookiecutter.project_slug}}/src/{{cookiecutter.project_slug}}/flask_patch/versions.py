"""What differs between the versions of Quart and Flask, and faults of theirs."""

from typing import Any

import quart.ctx
import quart.globals
import quart.signals
from blinker import NamedSignal

# Quart 0.23, as Flask 3.2, has one context for app and request; Quart 0.22 has a ContextVar each.
ONE_CONTEXT = not hasattr(quart.globals, "_cv_request")
CONTEXT_CLASSES: tuple[type[Any], ...] = tuple(
    getattr(quart.ctx, name)
    for name in ("AppContext", "RequestContext", "WebsocketContext")
    if hasattr(quart.ctx, name)
)


def request_context() -> Any:
    """Return the context of the current request or websocket, or None."""
    if ONE_CONTEXT:
        ctx = quart.globals._cv_app.get(None)
        return ctx if ctx is not None and (ctx.has_request or ctx.has_websocket) else None
    return quart.globals._cv_request.get(None) or quart.globals._cv_websocket.get(None)


def request_of(ctx: Any) -> Any:
    """Return the request, or the websocket, that the context belongs to."""
    return ctx._request_websocket if ONE_CONTEXT else ctx.request_websocket


class ContextSignal(NamedSignal):
    """A signal that takes Quart 0.23's `_async_wrapper` for blinker's `_sync_wrapper`.

    Without it a sync receiver of `appcontext_pushed` makes every request fail.
    """

    async def send_async(
        self, sender: Any = None, /, *, _async_wrapper: Any = None, **kwargs: Any
    ) -> Any:
        if _async_wrapper is not None:
            kwargs["_sync_wrapper"] = _async_wrapper
        return await super().send_async(sender, **kwargs)


def mend_signals() -> None:
    """Repair the two signals that Quart 0.23.0 and 0.23.1 send with the wrong argument."""
    if ONE_CONTEXT:
        for signal in (quart.signals.appcontext_pushed, quart.signals.appcontext_popped):
            signal.__class__ = ContextSignal
