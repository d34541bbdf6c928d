"""Connections: a request is handled in the task that the server has made for it.

Quart makes two more tasks for each request, one of them to listen to the client. Here that one is
made for a request that can have a body, reads it all the same, or waits for long; most do neither.

It halves the processor time of a short request, and gains nothing else: without the line in
`__init__.py` that calls `patch_connections`, all works as Quart does it. Drop it when a new Quart
fails its tests, or makes no tasks that a request does not need.
"""

import asyncio
from asyncio import Task, TimerHandle
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import wraps
from typing import Any, TypeVar

import quart.asgi
from quart.asgi import ASGIHTTPConnection
from quart.wrappers import Body, Request, Response
from quart.wrappers.response import DataBody

from .portals import current_portal, host
from .versions import ClientDisconnected, listen
from .waiting import within

BODILESS = {"GET", "HEAD", "OPTIONS"}
LISTEN_DELAY = 0.1  # Seconds that a request waits before anybody listens to its client.
Send = Callable[[Any], Awaitable[None]]
T = TypeVar("T")


async def serve(self: ASGIHTTPConnection, receive: Any, send: Send) -> None:
    """Answer a request; give up when the client has gone."""
    task = asyncio.current_task()
    if task is None or current_portal() is not None:
        # The app was called by other code than a server, from within a request perhaps.
        return await asyncio.create_task(serve(self, receive, send))
    send = _tell_disconnect(send)
    request = self._create_request_from_scope(send)
    body: Any = request.body
    listener: Task[None] | None = None
    timer: TimerHandle | None = None

    def stop(listener: Task[None]) -> None:
        if not listener.cancelled() and listener.exception():
            task.cancel()

    def start_listening() -> None:
        nonlocal listener
        if listener is None:
            listener = asyncio.create_task(listen(self, request, receive, task))
            listener.add_done_callback(stop)

    def listen_later() -> None:
        nonlocal timer
        timer = task.get_loop().call_later(LISTEN_DELAY, start_listening)

    try:
        if request.method in BODILESS:
            body.on_read = start_listening
        else:
            start_listening()
        await host(self.handle_request(request, send), listen_later)
    except asyncio.CancelledError:
        # Was it the listener, or somebody else too?
        if listener is None or not listener.done() or task.uncancel():
            raise
        listener.result()
    finally:
        body.on_read = _nothing  # Or the request would refer to itself.
        if timer is not None:
            timer.cancel()
        if listener is not None:
            listener.cancel()


async def handle_request(self: ASGIHTTPConnection, request: Request, send: Send) -> None:
    """Handle the request, and send the response within its time limit."""
    try:
        response: Any = await self.app.handle_request(request)
    except ClientDisconnected:
        return
    except Exception as error:
        response = await quart.asgi._handle_exception(self.app, error)
    # Another class of response may call something else its `timeout`.
    timeout: Any = response.timeout if isinstance(response, Response) else ...
    if timeout is ...:
        timeout = self.app.config["RESPONSE_TIMEOUT"]
    sending = self._send_response(send, response)
    with suppress(TimeoutError, ClientDisconnected):
        if type(response.response) is DataBody and not response._on_close:
            return await within(timeout, sending)
        # Sync code takes part, and may wait unseen by all but a timer that is set ahead.
        async with asyncio.timeout(timeout):
            await sending


def _tell_disconnect(send: Send) -> Send:
    async def telling(message: Any) -> None:
        try:
            await send(message)
        except OSError:
            raise ClientDisconnected from None

    return telling


def _nothing() -> None:
    pass


def _announced(native: Callable[[Body], T]) -> Callable[[Any], T]:
    """Let the method that reads a body say so first."""

    @wraps(native)
    def read(self: Any) -> T:
        self.on_read()
        return native(self)

    return read


def patch_connections() -> None:
    """Handle requests in the server's task, hosted."""
    body: Any = Body
    body.on_read = staticmethod(_nothing)
    for name in ("__anext__", "__await__"):
        setattr(body, name, _announced(getattr(body, name)))
    connection: Any = ASGIHTTPConnection
    connection.__call__ = serve
    connection.handle_request = handle_request
