"""Messages: what of a response is sent, by ASGI, as Werkzeug decides it for WSGI.

A server that speaks HTTP/1.1 sends what the app gives it. A byte of a body behind a status that has
none is read as the beginning of the next answer on the connection: behind a proxy, another's.
"""

from typing import Any

from quart.wrappers.response import DataBody
from werkzeug.http import is_entity_header
from werkzeug.urls import iri_to_uri

ADDRESSES = {"location", "content-location"}
FRAMING = {"content-length", "transfer-encoding"}
KEPT = {"content-location", "expires"}  # Of a 304: it says so of the page that the client has.


def has_body(status: int) -> bool:
    """Return whether a response of this status can have a body."""
    return status >= 200 and status != 204 and status != 304


def encode_headers(response: Any) -> list[tuple[bytes, bytes]]:
    """Return the headers to send: none that tells of a body where there is none."""
    status, has_length = response.status_code, False
    fields = []
    for name, value in response.headers:
        name = name.lower()
        if name == "content-length":
            has_length = True
        elif name in ADDRESSES:
            value = iri_to_uri(value)
        fields.append((name, value))
    if not has_body(status):
        fields = [field for field in fields if _fits(field[0], status)]
        if status < 200:
            # No answer yet, to a client; servers that send it add an end all the same.
            fields.append(("connection", "close"))
    elif not has_length and response.automatically_set_content_length:
        length = _length(response)
        if length is not None:
            fields.append(("content-length", str(length)))
    return [(name.encode(), value.encode()) for name, value in fields]


def _fits(name: str, status: int) -> bool:
    if name in FRAMING or (name == "connection" and status < 200):
        return False
    return status != 304 or name in KEPT or not is_entity_header(name)


def _length(response: Any) -> int | None:
    """Return the length of a body that is held in memory."""
    body = response.response
    if type(body) is DataBody:
        return body.end - body.begin
    if isinstance(body, list | tuple):
        return sum(map(len, response.iter_encoded()))
    return None


def strip(response: Any) -> None:
    """Take the body from a response whose status has none."""
    if not has_body(response.status_code):
        response.response = []
        for name, _ in list(response.headers):
            if not _fits(name.lower(), response.status_code):
                response.headers.remove(name)
