"""Responses: a Quart response is a Werkzeug response too, for sync code."""

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import flask.wrappers
import quart.asgi
import quart.wrappers.response
from quart.wrappers import Response
from quart.wrappers.response import DataBody, ResponseBody
from werkzeug.sansio.response import Response as SansIOResponse
from werkzeug.wrappers import Response as WerkzeugResponse

from .portals import call
from .waiting import await_only, dual, iterate

METHODS = ("add_etag", "freeze", "get_data", "get_json", "make_conditional", "make_sequence")


class SyncResponse:
    """The base of Quart's responses that comes before Werkzeug's, and replaces parts of it."""

    direct_passthrough = False
    iterable_body_class: Callable[[Any], ResponseBody]
    _on_close: tuple[Callable[[], Any], ...] = ()

    def __init__(self, *args: Any) -> None:
        SansIOResponse.__init__(self, *args)  # type: ignore[arg-type]  # a base of the whole

    def __await__(self) -> Generator[Any, None, "SyncResponse"]:
        """Return the response: sync code has awaited it for the async code that gets it."""
        return self
        yield

    @property
    def response(self) -> ResponseBody:
        """The body, which sync code may iterate over, or replace with an iterable."""
        return self._body

    @response.setter
    def response(self, body: Any) -> None:
        if type(body) is not DataBody and not isinstance(body, ResponseBody):
            body = self.iterable_body_class(body)
        self._body: ResponseBody = body

    @property
    def is_sequence(self) -> bool:
        """Return whether the body is held in memory."""
        return isinstance(self._body, DataBody)

    @property
    def is_streamed(self) -> bool:
        """Return whether the length of the body is unknown."""
        return not self.is_sequence

    def call_on_close(self, function: Callable[[], Any]) -> Callable[[], Any]:
        """Call the function once the response has been sent."""
        self._on_close = (*self._on_close, function)
        return function


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
    _native_init(self, response, status, headers, mimetype, content_type)
    if direct_passthrough:
        self.direct_passthrough = True


async def _make_conditional(self: Response, request: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(request, dict):  # Werkzeug takes the environment, too.
        request = request["werkzeug.request"]
    return await _native_make_conditional(self, request, *args, **kwargs)


async def _iterate_on_loop(iterator: Iterator[Any]) -> AsyncIterator[Any]:
    """Iterate in the request's context; Quart would in a thread, in copies of the context."""
    end = object()
    try:
        while (chunk := await call(next, iterator, end)) is not end:
            yield chunk
    finally:
        if hasattr(iterator, "close"):
            await call(iterator.close)


def _iterate_body(self: Any) -> Iterator[Any]:
    body = await_only(self.__aenter__())
    try:
        yield from iterate(body)
    finally:
        await_only(self.__aexit__(None, None, None))


_native_init = Response.__init__
_native_make_conditional = Response.make_conditional


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
    bodies.run_sync_iterable = _iterate_on_loop
    server: Any = quart.asgi
    server.WerkzeugResponse = OnlyWerkzeugResponse
