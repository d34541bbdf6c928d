"""Responses: a Quart response is a Werkzeug response too, for sync code."""

from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import Any

import flask.wrappers
import quart.asgi
import quart.wrappers.response
from quart import Quart
from quart.asgi import ASGIHTTPConnection
from quart.wrappers import Response
from quart.wrappers.response import DataBody, IterableBody, ResponseBody
from werkzeug.sansio.response import Response as SansIOResponse
from werkzeug.wrappers import Response as WerkzeugResponse

from .messages import encode_headers, has_body, strip
from .portals import call
from .versions import ClientDisconnected
from .waiting import await_only, dual, iterate

METHODS = ("add_etag", "freeze", "get_data", "get_json", "make_conditional", "make_sequence")
Send = Callable[[Any], Awaitable[None]]


class SyncResponse:
    """The base of Quart's responses that comes before Werkzeug's, and replaces parts of it."""

    data_body_class: Callable[[bytes], ResponseBody]
    iterable_body_class: Callable[[Any], ResponseBody]

    def __init__(self, *args: Any) -> None:
        SansIOResponse.__init__(self, *args)  # type: ignore[arg-type]  # a base of the whole

    def __await__(self) -> Generator[Any, None, "SyncResponse"]:
        """Return the response: sync code has awaited it for the async code that gets it."""
        return self
        yield

    @property
    def response(self) -> ResponseBody:
        """The body, which sync code may iterate over, or replace with an iterable."""
        # Kept where Werkzeug keeps it: a class of Flask's may adopt the attributes of a response.
        return self.__dict__["response"]  # type: ignore[no-any-return]

    @response.setter
    def response(self, body: Any) -> None:
        if type(body) is not DataBody and not isinstance(body, ResponseBody):
            body = self._make_body(body)
        self.__dict__["response"] = body

    def _make_body(self, body: Any) -> ResponseBody:
        pieces = [body] if isinstance(body, str | bytes) else body
        if isinstance(pieces, list | tuple) and all(isinstance(p, str | bytes) for p in pieces):
            encoded = [piece.encode() if isinstance(piece, str) else piece for piece in pieces]
            return self.data_body_class(b"".join(encoded))
        return self.iterable_body_class(body)

    @property
    def is_sequence(self) -> bool:
        """Return whether the body is held in memory."""
        return isinstance(self.response, DataBody)

    @property
    def is_streamed(self) -> bool:
        """Return whether the length of the body is unknown."""
        return not self.is_sequence


class _OnlyWerkzeug(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return not isinstance(instance, Response) and isinstance(instance, WerkzeugResponse)


class OnlyWerkzeugResponse(metaclass=_OnlyWerkzeug):
    """What Quart, which sends them differently, is to take for a Werkzeug response."""


def _init(
    self: Any,
    response: Any = None,
    status: Any = None,
    headers: Any = None,
    mimetype: str | None = None,
    content_type: str | None = None,
    direct_passthrough: bool = False,
) -> None:
    if response is None or type(response) in (list, tuple):
        response = self._make_body(response or ())
    _native_init(self, response, status, headers, mimetype, content_type)
    self.direct_passthrough = direct_passthrough
    self._on_close = []


async def _make_conditional(self: Response, request: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(request, dict):  # Werkzeug takes the environment, too.
        request = request["werkzeug.request"]
    return await _native_make_conditional(self, request, *args, **kwargs)


class LoopIterator:
    """Iterates in the request's context; Quart would in a thread, in copies of the context."""

    def __init__(self, iterator: Iterator[Any]) -> None:
        self._iterator = iterator

    def __aiter__(self) -> "LoopIterator":
        return self

    async def __anext__(self) -> Any:
        chunk = await call(next, self._iterator, self)
        if chunk is self:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Close the iterator, which may not have begun."""
        if hasattr(self._iterator, "close"):
            await call(self._iterator.close)


def _iterate_body(self: Any) -> Iterator[Any]:
    body = await_only(self.__aenter__())
    try:
        yield from iterate(body)
    finally:
        await_only(self.__aexit__(None, None, None))


async def send_response(self: Any, send: Send, response: Any) -> None:
    """Send the response, with a body where there can be one, and close it."""
    body, status = response.response, response.status_code
    try:
        if self._disconnected:
            raise ClientDisconnected
        headers = encode_headers(response)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        data = b""
        if self.scope["method"] == "HEAD" or not has_body(status):
            if isinstance(body, ResponseBody):
                async with body:  # Whoever made it may want to close it.
                    pass
        elif type(body) is DataBody:
            data = body.data[body.begin : body.end]
        else:
            await _send_pieces(send, body)
        await send({"type": "http.response.body", "body": data, "more_body": False})
    finally:
        if type(body) is not DataBody or response._on_close:
            await call(response.close)


async def _send_pieces(send: Send, body: Any) -> None:
    if not isinstance(body, ResponseBody):
        body = IterableBody(body)
    async with body as pieces:
        async for piece in pieces:
            data = piece.encode() if isinstance(piece, str) else piece
            await send({"type": "http.response.body", "body": data, "more_body": True})


async def _refuse_websocket(self: Quart, websocket: Any) -> Any:
    response = await _native_handle_websocket(self, websocket)
    if response is not None:
        strip(response)
    return response


_native_init = Response.__init__
_native_make_conditional = Response.make_conditional
_native_handle_websocket = Quart.handle_websocket


def patch_responses() -> None:
    """Make Quart's responses usable as Werkzeug's, and iterate over sync bodies on the loop."""
    response: Any = Response
    response.__bases__ = (SyncResponse, flask.wrappers.Response)
    response.__init__ = _init
    response.make_conditional = _make_conditional
    for name in METHODS:
        setattr(response, name, dual(getattr(response, name)))
    response.data = property(dual(response.data.fget), response.data.fset)
    response.json = property(dual(response.json.fget))
    body: Any = ResponseBody
    body.__iter__ = _iterate_body
    bodies: Any = quart.wrappers.response
    bodies.run_sync_iterable = LoopIterator
    server: Any = quart.asgi
    server.WerkzeugResponse = OnlyWerkzeugResponse
    connection: Any = ASGIHTTPConnection
    connection._disconnected = False  # Quart 0.23 has it, on each connection.
    connection._send_response = send_response
    app: Any = Quart
    app.handle_websocket = _refuse_websocket
