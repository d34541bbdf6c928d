"""The gate: requests that no part of the app can make anything of are refused before it."""

import re
from collections.abc import Mapping
from typing import Any

from .answers import refuse
from .proxies import ASGIApp

MALFORMED = "This is no request for a page: its host or its path is malformed."

# A name of labels of up to 63 letters, or an IPv6 address, and perhaps a port.
HOST = re.compile(rb"(\[[0-9a-fA-F:.]+\]|[\w-]{1,63}(\.[\w-]{1,63})*\.?)(:\d{1,5})?", re.ASCII)


class Gate:
    """ASGI middleware that answers 400 for a host that is no host and a target that is no path."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), text.encode()) for name, text in headers.items()]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Call the app, or refuse the request."""
        if scope["type"] == "lifespan" or (_has_path(scope) and _has_host(scope)):
            await self._app(scope, receive, send)
        else:
            await refuse(scope, send, 400, MALFORMED, self._headers)


def _has_path(scope: Any) -> bool:
    return bool(scope["path"].startswith("/")) or scope["path"] == "*"


def _has_host(scope: Any) -> bool:
    # HTTP/1.0 need not name any; the list of trusted hosts decides about that.
    for name, value in scope["headers"]:
        if name == b"host" and value and not HOST.fullmatch(value):
            return False
    return True
