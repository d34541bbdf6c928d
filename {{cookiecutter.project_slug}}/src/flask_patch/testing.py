"""Testing: Flask's test client on Quart, for tests that were written for Flask, and for async ones.

It is found where it was, as `flask.testing.FlaskClient`; `app.test_client_class` chooses it. In
sync code it answers as on Flask. In async code it gives a coroutine of a response like Quart's.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from inspect import signature
from typing import Any
from urllib.parse import urlsplit

import flask.wrappers
import quart.app
import quart.testing.client
from flask.testing import EnvironBuilder, FlaskClient
from quart import Quart
from quart.signals import request_started
from werkzeug.datastructures import Headers
from werkzeug.test import Client
from werkzeug.wsgi import get_current_url

from .contexts import EitherManager
from .portals import call
from .versions import find_contexts
from .waiting import TRANSPARENT, await_only, called_by_async
from .wsgi import exchange, make_scope

METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")


def _run_wsgi_app(self: Any, environ: dict[str, Any], buffered: bool = False) -> Any:
    """Run the app by ASGI, as Werkzeug's client runs one by WSGI."""
    self._add_cookies_to_wsgi(environ)
    keep = environ.get("werkzeug.debug.preserve_context")
    seen: list[Any] = []
    with request_started.connected_to(lambda app: seen.append(find_contexts()), self.application):
        pieces, code, headers = await_only(exchange(self.application, environ))
    if keep is not None:
        for contexts in seen:
            keep(_current(contexts))
    url = urlsplit(get_current_url(environ))
    cookies = headers.getlist("Set-Cookie")
    self._update_cookies_from_response(url.hostname or "localhost", url.path, cookies)
    phrase = HTTPStatus(code).phrase if code in set(HTTPStatus) else "Unknown"
    return pieces if buffered else iter(pieces), f"{code} {phrase.upper()}", headers


@contextmanager
def _current(contexts: dict[ContextVar[Any], Any]) -> Iterator[None]:
    """Make the contexts of a past request current; Flask ends the request here, which has ended."""
    tokens = {}
    for variable, context in contexts.items():
        context.kept_over = variable.get(None)
        tokens[variable] = variable.set(context)
    yield
    for variable, token in tokens.items():
        if variable.get(None) is contexts[variable]:
            variable.reset(token)


def _init(self: Any, application: Any, response_wrapper: Any = None, **kwargs: Any) -> None:
    _native_init(self, application, response_wrapper or flask.wrappers.Response, **kwargs)
    self.app = application


def _open(self: Any, *args: Any, **kwargs: Any) -> Any:
    if called_by_async():
        return _open_async(self, *args, **kwargs)
    return _native_open(self, *args, **kwargs)


async def _open_async(self: Any, *args: Any, **kwargs: Any) -> Any:
    response = await call(_native_open, self, *args, **kwargs)
    make = self.application.response_class
    return make(response.get_data(), response.status_code, response.headers)


@asynccontextmanager
async def _transaction(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
    if self._cookies is None:
        raise TypeError("Cookies are disabled. Create a client with 'use_cookies=True'.")
    app = self.application
    interface = app.session_interface
    ctx = app.test_request_context(*args, **kwargs)
    environ = dict(ctx.request.environ)
    self._add_cookies_to_wsgi(environ)
    ctx.request.headers["Cookie"] = environ.get("HTTP_COOKIE", "")
    async with ctx:
        session = await app.ensure_async(interface.open_session)(app, ctx.request)
    if session is None:
        raise RuntimeError("Session backend did not open a session.")
    yield session
    response = app.response_class()
    if not interface.is_null_session(session):
        async with ctx:
            await app.ensure_async(interface.save_session)(app, session, response)
    cookies = response.headers.getlist("Set-Cookie")
    self._update_cookies_from_response(
        ctx.request.host.partition(":")[0], ctx.request.path, cookies
    )


def _session_transaction(self: Any, *args: Any, **kwargs: Any) -> EitherManager:
    return EitherManager(_transaction(self, *args, **kwargs))


def test_request_context(self: Quart, path: Any = "/", *args: Any, **kwargs: Any) -> Any:
    """Create a request context with Quart's arguments, or with Flask's."""
    if not args and _are_quarts(path, kwargs):
        return _native_test_request_context(self, path, **kwargs)
    builder = EnvironBuilder(self, path, *args, **kwargs)  # type: ignore[arg-type]
    return self.request_context(builder.get_environ())  # type: ignore[arg-type]


def request_context(self: Quart, request: Any) -> Any:
    """Create a context of a request, or of one that is described for WSGI, as in Flask."""
    if type(request) is dict:
        connection: Any = self.asgi_http_class(self, make_scope(request))  # type: ignore[arg-type]
        body = request["wsgi.input"].read()
        request = connection._create_request_from_scope(_send_nothing)
        request.body.set_result(body)
    return _native_request_context(self, request)


def _are_quarts(path: Any, kwargs: dict[str, Any]) -> bool:
    query = kwargs.get("query_string")
    return (
        kwargs.keys() <= QUARTS
        and str(path).startswith("/")
        and str(path).isascii()
        and not isinstance(kwargs.get("data"), dict)
        and not isinstance(query, str)
        and not (isinstance(query, dict) and None in query.values())
    )


async def _send_nothing(message: Any) -> None:
    """Take what a request outside of a server sends."""


class ClientHeaders(Headers):
    """The headers of a test's request, in which the test has the last word on the length."""

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Add what a body calls for, as Quart's client does."""
        if "Content-Length" in self:
            kwargs.pop("Content-Length", None)
        super().update(*args, **kwargs)


def _make_headers(app: Quart, path: str, headers: Any = None, *args: Any) -> Any:
    return _native_make_headers(app, path, ClientHeaders(headers), *args)


def _make_body(**kwargs: Any) -> tuple[bytes, Headers]:
    body, headers = _native_make_body(**kwargs)
    if body:
        headers["Content-Length"] = str(len(body))
    return body, headers


_native_init = FlaskClient.__init__
_native_open: Callable[..., Any] = FlaskClient.open
_native_request_context = Quart.request_context
_native_test_request_context = Quart.test_request_context
_client: Any = quart.testing.client
_native_make_headers = _client.make_test_headers_path_and_query_string
_native_make_body = _client.make_test_body_with_headers
QUARTS = set(signature(Quart.test_request_context).parameters)


def patch_testing() -> None:
    """Let Flask's client test a Quart app, and requests of Quart's have a length, as real ones."""
    client: Any = FlaskClient
    client.__init__ = _init
    client.open = _open
    client.run_wsgi_app = _run_wsgi_app
    client.session_transaction = _session_transaction
    TRANSPARENT.update(getattr(Client, name).__code__ for name in METHODS)
    app: Any = Quart
    app.request_context = request_context
    app.test_request_context = test_request_context
    for module in (quart.app, quart.testing.client):
        tests: Any = module
        tests.make_test_headers_path_and_query_string = _make_headers
        tests.make_test_body_with_headers = _make_body
