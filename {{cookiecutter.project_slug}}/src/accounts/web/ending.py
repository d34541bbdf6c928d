"""How a process ends so that nobody notices: not ready first, then done with what it has begun.

A server that is asked to stop closes its door at once, while balancers go on sending until they
have looked at `/readyz` again. So `servers` holds back what stops it, for `SHUTDOWN_DELAY`.
"""

import asyncio
from contextlib import suppress
from typing import Any

from quart import Quart, Response, request, websocket

SERVICE_RESTART = 1012
PARTING = 1.0
"""Seconds that the other side of a websocket has to answer that it is closed."""


class Ending:
    """The end of one process."""

    def __init__(self, app: Quart) -> None:
        self.begun = False
        self._app = app
        self._delay = app.config["SHUTDOWN_DELAY"].total_seconds()
        self._websockets: dict[asyncio.Task[Any], Any] = {}
        app.before_websocket(self._remember)

    async def prepare(self) -> None:
        """Be not ready until balancers know, then end what would not end by itself."""
        if not self.begun:
            self.begun = True
            # A proxy may hold a connection open for its next request, which the end would cut off.
            self._app.after_request_funcs.setdefault(None, []).append(_close_connection)
        await asyncio.sleep(self._delay)
        if self._websockets:
            closing = [asyncio.create_task(_close(*each)) for each in self._websockets.items()]
            await asyncio.wait(closing, timeout=PARTING)

    async def _remember(self) -> None:
        handler: Any = asyncio.current_task()
        opened: Any = websocket
        self._websockets[handler] = opened._get_current_object()
        handler.add_done_callback(lambda _: self._websockets.pop(handler, None))


async def _close(handler: asyncio.Task[Any], opened: Any) -> None:
    # Told first, since nothing may be sent any more; it hears of it when this has been sent.
    handler.cancel()
    with suppress(Exception):  # The other side may have gone.
        await opened.close(SERVICE_RESTART, "The server restarts.")


async def _close_connection(response: Response) -> Response:
    if request.http_version in ("1.0", "1.1"):
        response.headers["Connection"] = "close"
    return response
