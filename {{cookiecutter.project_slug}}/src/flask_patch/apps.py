"""Apps: a Quart app offers what extensions expect of a Flask app, and hosts what it runs."""

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from inspect import CO_COROUTINE, iscoroutine, iscoroutinefunction, signature
from types import CoroutineType
from typing import Any

import quart.asgi
from flask.app import Flask
from quart import Blueprint, Quart

from .portals import call, hosted
from .replacements import patch_replacements
from .versions import dual_method, make_context_optional
from .waiting import answer, dual, either

HOSTED: dict[type, tuple[str, ...]] = {
    quart.asgi.ASGIHTTPConnection: ("handle_request",),
    quart.asgi.ASGIWebsocketConnection: ("handle_websocket",),
    Quart: ("startup", "shutdown"),
}
# Quart's async methods that Flask's apps have too, sync: what sync code may call,
METHODS = (
    "dispatch_request",
    "full_dispatch_request",
    "handle_exception",
    "handle_http_exception",
    "handle_user_exception",
    "make_default_options_response",
    "make_response",
    "preprocess_request",
    "process_response",
    "send_static_file",
    "update_template_context",
)
# and what besides it may replace.
REPLACEABLE = (*METHODS, "do_teardown_appcontext", "do_teardown_request", "finalize_request")


PENDING = (CoroutineType, tuple)  # What may be, or hold, a coroutine that nobody has awaited.


def ensure_sync(self: Quart, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function as one that sync code can call."""
    # Flask-Login asks at each request, so this makes no more than a `partial`.
    return partial(answer, function) if _is_async(function) else function


def ensure_async(self: Quart, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function as an async one."""
    return function if _is_async(function) else self.sync_to_async(function)


def _is_async(function: Callable[..., Any]) -> bool:
    # Asked several times a request: a look at the code is quicker than `inspect`, which knows more.
    code = getattr(function, "__code__", None)
    if code is not None and code.co_flags & CO_COROUTINE:
        return True
    if code is not None and not hasattr(function, "_is_coroutine_marker"):
        return False
    return iscoroutinefunction(function)


def sync_to_async(self: Quart, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the sync function as an async one, which runs on the event loop in a portal."""
    return partial(call, function)


def finalize_request(self: Quart, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
    """Make the response of what a view or hook has returned."""
    if len(args) > RESULT and type(args[RESULT]) in PENDING:
        return _finalize_pending(self, list(args), kwargs)
    return _native_finalize_request(self, *args, **kwargs)


async def _finalize_pending(self: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Await a coroutine that the view has returned, and take its errors for those of the view."""
    try:
        args[RESULT] = await _awaited(self, args[RESULT])
    except Exception as error:
        args[RESULT] = await self.handle_user_exception(*args[:RESULT], error)
    return await _native_finalize_request(self, *args, **kwargs)


def make_response(self: Quart, result: Any) -> Coroutine[Any, Any, Any]:
    """Make a response, also of a coroutine that a sync decorator handed on."""
    if type(result) in PENDING and iscoroutine(result[0] if type(result) is tuple else result):
        return _make_response_of_awaited(self, result)
    return _native_make_response(self, result)


async def _make_response_of_awaited(self: Quart, result: Any) -> Any:
    return await _native_make_response(self, await _awaited(self, result))


async def _awaited(app: Quart, result: Any) -> Any:
    if not isinstance(result, tuple):
        return await result
    value, *status_and_headers = result
    if not iscoroutine(value):
        return result
    value = await value
    if isinstance(value, tuple):
        value = await _native_make_response(app, value)
    return (value, *status_and_headers)


@wraps(Quart.make_default_options_response)
async def make_default_options_response(self: Quart, *args: Any) -> Any:
    """Answer OPTIONS; like any empty response of Flask's, with no length before it is sent."""
    response = await _native_options_response(self, *args)
    response.headers.pop("Content-Length", None)
    return response


def add_background_task(
    self: Quart, function: Callable[..., Any], *args: Any, **kwargs: Any
) -> None:
    """Run the function in the background, hosted like a request."""
    if iscoroutinefunction(function):
        function = hosted(function)
    _native_add_background_task(self, function, *args, **kwargs)


_native_make_response = Quart.make_response
_native_finalize_request = Quart.finalize_request
RESULT = list(signature(Quart.finalize_request).parameters).index("result") - 1
_native_options_response = Quart.make_default_options_response
_native_add_background_task = Quart.add_background_task
_sync_open_resource = Flask.open_resource


def patch_apps() -> None:
    """Give Quart Flask's ways between sync and async, and host what it runs."""
    app: Any = Quart
    app.ensure_sync = app.async_to_sync = ensure_sync
    app.ensure_async = ensure_async
    app.sync_to_async = sync_to_async
    app.add_background_task = add_background_task
    app.make_response = make_response
    app.make_default_options_response = make_default_options_response
    app.finalize_request = finalize_request
    for name in METHODS:
        setattr(app, name, dual_method(getattr(app, name)))
    app.log_exception = make_context_optional(app.log_exception)
    patch_replacements(REPLACEABLE)
    blueprint: Any = Blueprint
    blueprint.send_static_file = dual(blueprint.send_static_file)
    for cls in (app, blueprint):
        cls.open_resource = either(cls.open_resource, _sync_open_resource)
    for owner, names in HOSTED.items():
        for name in names:
            setattr(owner, name, hosted(getattr(owner, name)))
