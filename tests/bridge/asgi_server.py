"""A server that keeps what the app sends."""

import asyncio
from typing import Any

DISCONNECT = {"type": "http.disconnect"}
END = {"type": "http.request", "body": b"", "more_body": False}


class Server:
    """Calls the app as a server does, and keeps what it sends."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.events: asyncio.Queue[dict[str, Any] | Exception] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.listened = False
        self.request_headers = [(b"host", b"localhost")]

    async def receive(self) -> dict[str, Any]:
        self.listened = True
        event = await self.events.get()
        if isinstance(event, Exception):
            raise event
        return event

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        if message.get("more_body") is False:
            self.events.put_nowait(DISCONNECT)

    async def serve(self, path: str = "/", method: str = "GET") -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": self.request_headers,
            "client": ("127.0.0.1", 1234),
            "server": ("127.0.0.1", 80),
            "extensions": {},
        }
        await self.app(scope, self.receive, self.send)

    @property
    def status(self) -> int | None:
        return next((message["status"] for message in self.sent if "status" in message), None)

    @property
    def headers(self) -> dict[str, str]:
        start = next(message for message in self.sent if "headers" in message)
        return {name.decode(): value.decode() for name, value in start["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)
