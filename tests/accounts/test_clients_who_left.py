"""Clients of websockets leave without a word, and their server says so when the app sends."""

import asyncio
from typing import Any

import pytest
from accounts.web.closing import Closing
from quart import Quart, websocket

SCOPE: dict[str, Any] = {
    "type": "websocket",
    "asgi": {"version": "3.0", "spec_version": "2.4"},
    "http_version": "1.1",
    "scheme": "ws",
    "path": "/live",
    "raw_path": b"/live",
    "query_string": b"",
    "root_path": "",
    "headers": [(b"host", b"localhost")],
    "client": ("127.0.0.1", 1),
    "server": ("127.0.0.1", 2),
    "subprotocols": [],
    "extensions": {},
}


async def test_message_to_somebody_who_has_left_ends_the_handler_without_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Quart(__name__)
    left = asyncio.Event()
    connected = False

    @app.websocket("/live")
    async def live() -> None:
        while True:
            await websocket.send("still there")

    async def receive() -> dict[str, Any]:
        nonlocal connected
        if connected:
            await left.wait()
            return {"type": "websocket.disconnect", "code": 1006}
        connected = True
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            left.set()
            raise OSError("ClientDisconnected")  # ASGI asks servers for it, and uvicorn does it

    await asyncio.wait_for(Closing(app)(SCOPE, receive, send), 30)
    assert left.is_set()
    assert not caplog.records
