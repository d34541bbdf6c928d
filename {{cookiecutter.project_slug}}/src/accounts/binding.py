"""What binds an app whatever its logins are: checks, errors, the store and the gate."""

import asyncio
from collections.abc import Mapping
from typing import Any

from quart import Quart
from werkzeug.exceptions import ServiceUnavailable

from flask_patch import greenlet_spawn

from .records import BackendUnavailable
from .state import State, state
from .web import checks, errors, watch
from .web.closing import Closing
from .web.gate import Gate
from .web.proxies import TrustProxies
from .web.request_log import RequestLog

PING_TIMEOUT = 2
_asking: set[asyncio.Task[None]] = set()  # The event loop itself keeps no task.
HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}


def headers_of(app: Quart, headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers of every answer."""
    return {**headers, **HTTPS_ONLY} if app.config["SESSION_COOKIE_SECURE"] else headers


def bind(app: Quart, bound: State, *parts: Any) -> None:
    """Bind the app to what belongs to it; `parts` have an `init_app` of their own."""
    app.extensions["accounts"] = bound
    for part in (checks, watch, bound.login_manager, bound.store, errors, *parts):
        part.init_app(app)
    app.before_serving(bound.store.prepare)
    app.after_serving(bound.store.close)
    app.after_serving(bound.throttle.close)
    gate = Gate(Closing(app.asgi_app), bound.headers)
    proxies, trusted = app.config["TRUSTED_PROXIES"], app.config["TRUSTED_PROXY_HEADERS"]
    proxied = TrustProxies(RequestLog(gate, app.config), proxies, trusted)
    app.asgi_app = proxied  # type: ignore[method-assign]  # as Quart's docs say


async def ping() -> None:
    """Return when this process is ready: not about to stop, and its store answers.

    The store has 2 seconds for it. What it has not ended by then ends by itself: a new connection
    may take longer.
    """
    if state().ending.begun:
        raise ServiceUnavailable("This process is about to stop.")
    asking = asyncio.create_task(greenlet_spawn(state().store.ping))
    _asking.add(asking)
    asking.add_done_callback(_forget)
    try:
        answered, _ = await asyncio.wait({asking}, timeout=PING_TIMEOUT)
    finally:
        asking.cancel()
    if not answered:
        raise BackendUnavailable(f"No store of logins within {PING_TIMEOUT} s.")
    asking.result()


def _forget(asked: asyncio.Task[None]) -> None:
    _asking.discard(asked)
    if not asked.cancelled():
        asked.exception()  # Else asyncio logs that nobody has seen it.
