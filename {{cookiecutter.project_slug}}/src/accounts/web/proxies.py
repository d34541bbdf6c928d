"""Proxies in front of the app: which of their headers are believed.

Counting from the right is Werkzeug's way (`werkzeug.middleware.proxy_fix`): each proxy adds its
value at the end, so that what a client sent stands before those that are believed.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from environs import EnvError

from ..addresses import plain_address
from ..hosts import has_port
from ..words import words
from .answers import refuse
from .mounts import Scope, as_received, mount, usable_prefix

logger = logging.getLogger(__name__)

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]
HEADERS = ("for", "proto", "host", "port", "prefix")
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
USUAL_PORTS = ("80", "443")
REWRITTEN = (
    "The server itself believes X-Forwarded-For, whoever sends it: start uvicorn with "
    "--no-proxy-headers, and set TRUSTED_PROXIES."
)
WITHOUT_TLS = "HTTP/2 without TLS is refused: browsers never speak it. Speak HTTP/1.1, or use TLS."


def proxy_headers(value: str | list[str]) -> list[str]:
    """Parse which of the headers `X-Forwarded-...` of proxies are believed."""
    names = [name.lower().removeprefix("x-forwarded-") for name in words(value)]
    if unknown := set(names) - set(HEADERS):
        raise EnvError(f"{', '.join(sorted(unknown))} is none of {', '.join(HEADERS)}")
    return names


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
            # By `Upgrade: h2c` a client would speak past a proxy. First of all, since thousands of
            # streams can come at once.
            if scope.get("http_version") == "2" and scope.get("scheme") in ("http", "ws"):
                return await refuse(scope, send, 505, WITHOUT_TLS)
            scope = as_received(scope, receive)
            if self._trusted:
                scope = self._read(scope)
            elif scope.get("client") and scope["client"][1] == 0:
                # uvicorn, which knows no port of a forwarded address, and by default believes its
                # own machine alone.
                scope = {**scope, "client": ("127.0.0.1", 0)}
                if not self._warned:
                    self._warned = True
                    logger.warning(REWRITTEN)
            scope = mount(scope)
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
        host = _with_port(given.get("host") or _host(scope), given.get("port"))
        if host != _host(scope):
            others = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope["headers"] = [*others, (b"host", host.encode("latin-1"))]
        if prefix := usable_prefix(given.get("prefix") or ""):
            scope["root_path"] = prefix
        return scope

    def _value(self, scope: Scope, name: str) -> str | None:
        wanted = f"x-forwarded-{name}".encode()
        lines = [value for key, value in scope["headers"] if key.lower() == wanted]
        values = [value.strip() for value in b",".join(lines).decode("latin-1").split(",")]
        return values[-self._count] if len(values) >= self._count else None


def _host(scope: Scope) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == b"host"), "")


def _with_port(host: str, port: str | None) -> str:
    # What the browser asked for says more than where a proxy listens. Ports 80 and 443 go without
    # saying, and are wrong where another proxy before it ends HTTPS.
    unsaid = not host or has_port(host) or port in USUAL_PORTS
    return host if unsaid or port is None or not port.isdecimal() else f"{host}:{port}"
