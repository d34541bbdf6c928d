"""Apps: a Quart app offers what extensions expect of a Flask app, and hosts its work."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import Any

import quart.asgi
from quart import Quart

from .portals import call, current_portal, greenlet_spawn, host, hosted
from .waiting import await_only, dual


def ensure_sync(self: Quart, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function as one that sync code can call."""
    return dual(function) if iscoroutinefunction(function) else function


def sync_to_async(self: Quart, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the sync function as an async one that runs on the event loop, in a portal."""
    return partial(_call_in_portal, function)


async def _call_in_portal(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    if current_portal() is None:
        return await greenlet_spawn(function, *args, **kwargs)
    return await call(function, *args, **kwargs)


def patch_apps() -> None:
    """Give Quart Flask's ways between sync and async, and host what it runs."""
    Quart.ensure_sync = ensure_sync
    Quart.async_to_sync = ensure_sync
    Quart.sync_to_async = sync_to_async
    for owner, names in HOSTED.items():
        for name in names:
            setattr(owner, name, hosted(getattr(owner, name)))

HOSTED: dict[type, tuple[str, ...]] = {
    quart.asgi.ASGIHTTPConnection: ("handle_request",),
    quart.asgi.ASGIWebsocketConnection: ("handle_websocket",),
    Quart: ("startup", "shutdown"),
}
