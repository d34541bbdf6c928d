"""Ends of websockets, which the app closes or refuses, in a way that each server understands."""

import asyncio
from contextlib import suppress
from typing import Any

from .proxies import ASGIApp

ENDS = ("websocket.close", "websocket.http.response.body")
DISCONNECT = {"type": "websocket.disconnect", "code": 1000}


class Closing:
    """ASGI middleware that ends the wait for a message before it sends a close.

    Granian (2.8) sends no close while the app waits for a message, and Quart always does. And it
    takes the body of a refusal in one piece alone.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Call the app."""
        if scope["type"] == "websocket":
            connection = _Connection(receive, send)
            receive, send = connection.receive, connection.send
        await self._app(scope, receive, send)


class _Connection:
    def __init__(self, receive: Any, send: Any) -> None:
        self._receive, self._send = receive, send
        self._waiting: asyncio.Future[Any] | None = None
        self._closed: asyncio.Event | None = None
        self._refusal = b""

    async def receive(self) -> Any:
        """Return the next message; once the app has closed the connection, that it has ended."""
        task = asyncio.current_task()
        if self._closed is None:
            self._waiting = asyncio.ensure_future(self._receive())
            try:
                return await self._waiting
            except asyncio.CancelledError:
                self._waiting.cancel()
                if self._closed is None or (task is not None and task.cancelling()):
                    raise
        # Quart ends the handler by this, which may be sending the close.
        await self._closed.wait()
        return DISCONNECT

    async def send(self, message: Any) -> None:
        """Send a message."""
        if message["type"] == "websocket.http.response.body":
            self._refusal += message.get("body", b"")
            if message.get("more_body"):
                return
            message = {**message, "body": self._refusal}
        if message["type"] not in ENDS or self._closed is not None:
            try:
                await self._send(message)
            except OSError:  # The client has left, as ASGI says it.
                # Quart learns of it by the next message, and ends the handler.
                await asyncio.sleep(0)
            return
        self._closed = asyncio.Event()
        try:
            if self._waiting is not None and not self._waiting.done():
                self._waiting.cancel()
                await asyncio.wait([self._waiting])
            with suppress(OSError):  # Who has left needs no farewell.
                await self._send(message)
        finally:
            self._closed.set()
