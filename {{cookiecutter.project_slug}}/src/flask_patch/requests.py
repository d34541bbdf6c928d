"""Requests: what sync code reads without awaiting, and the WSGI parts of Flask's request."""

import sys
from collections.abc import Callable
from functools import cached_property
from io import BytesIO
from typing import Any, BinaryIO

from quart.datastructures import FileStorage
from quart.wrappers import Request, Websocket
from quart.wrappers.base import BaseRequestWebsocket
from werkzeug.datastructures import CombinedMultiDict, ImmutableMultiDict
from werkzeug.datastructures import FileStorage as SyncFileStorage

from .waiting import dual, either

PROPERTIES = ("data", "files", "form", "json", "values")
METHODS: dict[type, tuple[str, ...]] = {
    Request: ("get_data", "get_json", "send_push_promise"),
    Websocket: ("accept", "close", "receive", "receive_json", "send", "send_json"),
}


EMPTY: dict[str, Callable[[Websocket], Any]] = {
    "data": lambda websocket: b"",
    "files": lambda websocket: ImmutableMultiDict(),
    "form": lambda websocket: websocket.parameter_storage_class(),
    "json": lambda websocket: None,
    "values": lambda websocket: CombinedMultiDict([websocket.args]),
}


def environ(request: BaseRequestWebsocket) -> dict[str, Any]:
    """Return a WSGI environment of the request, for reading."""
    server, port = request.scope.get("server") or ("localhost", None)
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": request.root_path,
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query_string.decode("latin-1"),
        "REMOTE_ADDR": request.remote_addr or "",
        "SERVER_NAME": server,
        "SERVER_PORT": str(port or (443 if request.is_secure else 80)),
        "SERVER_PROTOCOL": f"HTTP/{request.http_version}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.errors": sys.stderr,
        **request.scope.get("flask_patch.environ", {}),  # type: ignore[dict-item]  # of a test
        "werkzeug.request": request,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    return environ


def _make_empty(make: Callable[..., Any]) -> Callable[..., Any]:
    async def empty(websocket: Websocket, *args: Any, **kwargs: Any) -> Any:
        return make(websocket, *args, **kwargs)

    return dual(empty)


def _patch_websockets() -> None:
    """Give a websocket, which passes for the request it began as, the body of that: none."""
    websocket: Any = Websocket
    for name, make in EMPTY.items():
        setattr(websocket, name, property(_make_empty(make)))
    websocket.get_data = _make_empty(
        lambda self, cache=True, as_text=False, **_: "" if as_text else b""
    )
    websocket.get_json = _make_empty(lambda self, *args, **kwargs: None)
    websocket.stream = property(lambda self: BytesIO())


def stream(request: Request) -> BinaryIO:
    """Return the body as a file, for sync code."""
    data: Any = request.get_data()
    return BytesIO(data)


def patch_requests() -> None:
    """Make the async parts of requests and websockets answer sync callers too."""
    for name in PROPERTIES:
        setattr(Request, name, property(dual(getattr(Request, name).fget)))
    for cls, names in METHODS.items():
        for name in names:
            setattr(cls, name, dual(getattr(cls, name)))
    _add_property(BaseRequestWebsocket, environ)
    _add_property(Request, stream)
    _patch_websockets()
    storage: Any = FileStorage
    storage.save = either(storage.save, SyncFileStorage.save)


def _add_property(owner: type, function: Callable[[Any], Any]) -> None:
    prop = cached_property(function)
    prop.__set_name__(owner, function.__name__)
    setattr(owner, function.__name__, prop)
