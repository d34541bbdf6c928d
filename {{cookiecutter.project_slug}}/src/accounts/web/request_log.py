"""An id for each request, in its answer and in all lines of the log; and a line for the request."""

import json
import logging
import re
import time
from collections.abc import Mapping
from contextvars import ContextVar
from secrets import token_hex
from typing import Any

from .proxies import ASGIApp

GIVEN = re.compile(rb"[\w.:-]{1,64}", re.ASCII)
SIGNED = re.compile(r"\.?[\w-]+\.[\w-]{6,8}\.[\w-]{27,}", re.ASCII)
"""A token of itsdangerous, its time and signature: whoever has it may do what its link is for."""
STARTS = {
    "http.response.start": 200,
    "websocket.accept": 101,
    "websocket.close": 403,
    "websocket.http.response.start": 403,
}

logger = logging.getLogger("access")
request_id: ContextVar[str] = ContextVar("request_id")


class RequestLog:
    """ASGI middleware that names requests, and by `REQUEST_LOG` writes a line on each.

    The name is the `X-Request-ID` that a trusted proxy has given, if it is short and plain; else a
    new one.
    """

    def __init__(self, app: ASGIApp, config: Mapping[str, Any]) -> None:
        lines = config.get("REQUEST_LOG")
        self._app = app
        self._lines = config["ENVIRONMENT"] == "production" if lines is None else lines
        self._trusted = config["TRUSTED_PROXIES"] > 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Call the app."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        name = self._given(scope) or token_hex(8).encode()
        status: int | None = None

        async def send_named(message: Any) -> None:
            nonlocal status
            if status is None and message["type"] in STARTS:
                status = message.get("status", STARTS[message["type"]])
                if message["type"] != "websocket.close":
                    headers = [*message.get("headers", ()), (b"x-request-id", name)]
                    message = {**message, "headers": headers}
            await send(message)

        known, started = request_id.set(name.decode()), time.perf_counter()
        try:
            await self._app(scope, receive, send_named)
        finally:
            if self._lines:
                _write(scope, status, time.perf_counter() - started)
            request_id.reset(known)

    def _given(self, scope: Any) -> bytes | None:
        if self._trusted:
            for key, value in scope["headers"]:
                if key.lower() == b"x-request-id" and GIVEN.fullmatch(value):
                    return bytes(value)
        return None


def add_request_id(record: logging.LogRecord) -> bool:
    """Add the id of the request, if there is one, to a line; as a filter that lets all pass."""
    if name := request_id.get(None):
        record.request_id = name
    return True


def _write(scope: Any, status: int | None, seconds: float) -> None:
    # Without the query, and what is signed, which may hold what is nobody's business.
    method = scope["method"] if scope["type"] == "http" else "WEBSOCKET"
    path = SIGNED.sub("...", scope["path"])
    client = scope.get("client") or ("",)
    fields = {"event": "request", "method": method, "path": path, "status": status}
    fields |= {"seconds": round(seconds, 4), "address": client[0]}
    # JSON escapes what could forge a line.
    text = (method, json.dumps(path), status or "cut off", seconds)
    logger.info("%s %s %s in %.4f s", *text, extra={"fields": fields})
