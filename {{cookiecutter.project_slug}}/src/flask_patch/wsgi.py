"""WSGI: a test's request, which is described for WSGI, is sent to the app by ASGI."""

import asyncio
from contextvars import ContextVar
from io import BytesIO
from typing import Any

import quart.asgi
from quart import Quart
from werkzeug.datastructures import EnvironHeaders, Headers

TASK_GROUP = "unhandled errors in a TaskGroup"
_propagating: ContextVar[bool] = ContextVar("propagating", default=False)


def make_scope(environ: dict[str, Any]) -> dict[str, Any]:
    """Return the ASGI scope of a request that is described for WSGI."""
    root_path = environ.get("SCRIPT_NAME", "").encode("latin-1").decode()
    path = root_path + environ.get("PATH_INFO", "").encode("latin-1").decode()
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": environ.get("SERVER_PROTOCOL", "HTTP/1.1").partition("/")[2],
        "method": environ["REQUEST_METHOD"],
        "scheme": environ["wsgi.url_scheme"],
        "path": path or "/",
        "raw_path": path.encode(),
        "query_string": environ.get("QUERY_STRING", "").encode("latin-1"),
        "root_path": root_path,
        "headers": [
            (name.lower().encode(), value.encode("latin-1"))
            for name, value in EnvironHeaders(environ)
        ],
        "client": (environ.get("REMOTE_ADDR", "127.0.0.1"), 1),
        "server": (environ["SERVER_NAME"], int(environ["SERVER_PORT"])),
        "extensions": {},
        # What a test has put there, for `request.environ`.
        "flask_patch.environ": {
            key: value for key, value in environ.items() if not key.startswith(("HTTP_", "wsgi."))
        },
    }


async def exchange(app: Any, environ: dict[str, Any]) -> tuple[list[bytes], int, Headers]:
    """Send a request to the app and return the body, status and headers of its response."""
    body = environ["wsgi.input"].read()
    environ["wsgi.input"] = BytesIO(body)  # A redirect may want it once more.
    events = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    ended = asyncio.Event()

    async def receive() -> Any:
        if events:
            return events.pop()
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if message.get("more_body") is False:
            ended.set()

    token = _propagating.set(True)
    try:
        await app(make_scope(environ), receive, send)
    except ExceptionGroup as group:
        if group.message != TASK_GROUP or len(group.exceptions) != 1:
            raise
        raise group.exceptions[0] from None  # What a task group of Quart 0.23 has wrapped.
    finally:
        _propagating.reset(token)
    start = next(message for message in sent if message["type"] == "http.response.start")
    headers = Headers([(name.decode().title(), value.decode()) for name, value in start["headers"]])
    pieces = [message["body"] for message in sent if message.get("body")]
    return pieces, start["status"], headers


async def _handle_exception(app: Quart, error: Exception) -> Any:
    if _propagating.get():
        raise error
    return await _native_handle_exception(app, error)


_native_handle_exception = quart.asgi._handle_exception


def patch_exceptions() -> None:
    """Let what nobody in the app handles reach the test, as on Flask."""
    server: Any = quart.asgi
    server._handle_exception = _handle_exception
