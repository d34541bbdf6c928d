"""Open connections: a websocket or a stream ends soon after the login that opened it.

Others need nothing: each request asks who is logged in.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from flask_login import current_user
from quart import Quart, Response, current_app, websocket
from quart.wrappers.response import DataBody, FileBody, ResponseBody

from flask_patch import hosted

from ..login_manager import find_again
from ..records import BackendUnavailable

POLICY_VIOLATION = 1008
IN_ONE_PIECE = (DataBody, FileBody)
_watchers: set[asyncio.Task[None]] = set()


def init_app(app: Quart) -> None:
    """Watch websockets and streams; after the checks, which refuse some."""
    app.before_websocket(_watch_websocket)
    app.after_request(_watch_stream)


async def _watch_websocket() -> None:
    if not current_user.is_authenticated:
        return
    app: Any = current_app
    handler, find = asyncio.current_task(), find_again()
    watcher = asyncio.create_task(_end_with_login(app._get_current_object(), handler, find))
    # The loop itself keeps no more than weak references.
    _watchers.add(watcher)
    watcher.add_done_callback(_watchers.discard)
    if handler is not None:
        handler.add_done_callback(lambda _: watcher.cancel())


@hosted
async def _end_with_login(
    app: Quart, handler: asyncio.Task[Any] | None, find: Callable[[], Any]
) -> None:
    interval = app.config["LOGIN_CHECK_INTERVAL"].total_seconds()
    logged_in = True
    while logged_in:
        await asyncio.sleep(interval)
        logged_in = await _is_logged_in(app, find)
    await websocket.close(POLICY_VIOLATION, "The login has ended.")
    if handler is not None:
        handler.cancel()


async def _watch_stream(response: Response) -> Response:
    # A redirect that the routing makes is Werkzeug's, and in memory as well.
    body = getattr(response, "response", None)
    streams = isinstance(body, ResponseBody) and not isinstance(body, IN_ONE_PIECE)
    if streams and current_user.is_authenticated:
        app: Any = current_app
        watched = _until_logout(app._get_current_object(), body, find_again())
        response.response = response.iterable_body_class(watched)
    return response


async def _until_logout(app: Quart, body: Any, find: Callable[[], Any]) -> AsyncIterator[Any]:
    interval = app.config["LOGIN_CHECK_INTERVAL"].total_seconds()
    due, look = time.monotonic() + interval, None
    try:
        async with body as chunks:
            async for chunk in chunks:
                # A stream that sends nothing gives nothing away, and is not looked at meanwhile.
                # It goes on while a store takes its time.
                if look is None and time.monotonic() >= due:
                    look = asyncio.create_task(_is_logged_in(app, find))
                if look is not None and look.done():
                    if not look.result():
                        return
                    due, look = time.monotonic() + interval, None
                yield chunk
    finally:
        if look is not None:
            look.cancel()


@hosted
async def _is_logged_in(app: Quart, find: Callable[[], Any]) -> bool:
    try:
        async with app.app_context():
            return find() is not None
    except BackendUnavailable:
        # Nobody can be let in now, and nobody is thrown out.
        return True
