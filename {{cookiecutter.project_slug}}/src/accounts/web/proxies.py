"""Proxies in front of the app: which of their headers are believed.

Counting from the right is Werkzeug's way (`werkzeug.middleware.proxy_fix`): each proxy adds its
value at the end, so that what a client sent stands before those that are believed.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from ..addresses import plain_address

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]
HEADERS = ("for", "proto", "host", "prefix")
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
REWRITTEN = (
    "The server itself believes X-Forwarded-For, whoever sends it: start uvicorn with "
    "--no-proxy-headers, and set TRUSTED_PROXIES."
)


class TrustProxies:
    """ASGI middleware that takes address, scheme, host and path from the headers of proxies.

    Only the headers that are named in `trusted` are believed, and only the value that the
    outermost of `count` proxies has added; unusable values are ignored.
    """

    def __init__(self, app: ASGIApp, count: int, trusted: list[str]) -> None:
        self._app = app
        self._count = count
        self._trusted = trusted if count else []
        self._warned = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Call the app with what the client's request was."""
        if scope["type"] in ("http", "websocket"):
            if self._trusted:
                scope = self._read(scope)
            elif scope.get("client") and scope["client"][1] == 0:
                # uvicorn, which knows no port of a forwarded address, and by default believes its
                # own machine alone.
                scope = {**scope, "client": ("127.0.0.1", 0)}
                if not self._warned:
                    self._warned = True
                    logger.warning(REWRITTEN)
        await self._app(scope, receive, send)

    def _read(self, scope: Scope) -> Scope:
        scope = dict(scope)
        given = {name: self._value(scope, name) for name in self._trusted}
        if address := given.get("for"):
            scope["client"] = (plain_address(address), 0)
        if scheme := SCHEMES.get((given.get("proto") or "").lower()):
            secure = scheme == "https"
            names = ("ws", "wss") if scope["type"] == "websocket" else ("http", "https")
            scope["scheme"] = names[secure]
        if host := given.get("host"):
            others = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope["headers"] = [*others, (b"host", host.encode("latin-1"))]
        prefix = given.get("prefix") or ""
        if prefix.startswith("/"):
            prefix = prefix.rstrip("/")
            scope["root_path"] = prefix + scope.get("root_path", "")
            scope["path"] = prefix + scope["path"]
        return scope

    def _value(self, scope: Scope, name: str) -> str | None:
        wanted = f"x-forwarded-{name}".encode()
        lines = [value for key, value in scope["headers"] if key.lower() == wanted]
        values = [value.strip() for value in b",".join(lines).decode("latin-1").split(",")]
        return values[-self._count] if len(values) >= self._count else None
