"""Answers that are given before the app is asked: a status and a line of text."""

from collections.abc import Iterable
from typing import Any

TEXT = (b"content-type", b"text/plain; charset=utf-8")


async def refuse(
    scope: Any, send: Any, status: int, reason: str, headers: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Refuse a request, or a websocket before it is accepted."""
    if scope["type"] == "websocket":
        # Before it is accepted, closing refuses it.
        await send({"type": "websocket.close", "code": 1008})
        return
    text = reason.encode()
    told = [*headers, TEXT, (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": told})
    body = b"" if scope["method"] == "HEAD" else text
    await send({"type": "http.response.body", "body": body, "more_body": False})
