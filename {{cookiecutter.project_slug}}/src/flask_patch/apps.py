"""Apps: a Quart app offers what extensions expect of a Flask app, and hosts what it runs."""

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from inspect import CO_COROUTINE, iscoroutine, iscoroutinefunction
from typing import Any

import quart.asgi
import quart.utils
from flask.app import Flask
from quart import Blueprint, Quart

from .portals import call, copy_context_for_thread, hosted
from .replacements import patch_replacements
from .versions import dual_method, make_context_optional
from .waiting import answer, dual, either

HOSTED: dict[type, tuple[str, ...]] = {
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


def awaiting_results(native: Callable[..., Any]) -> Callable[..., Any]:
    """Await a coroutine that a view or hook returns here, where its errors are those of the view."""

    @wraps(native)
    async def method(self: Quart, *args: Any, **kwargs: Any) -> Any:
        result = await native(self, *args, **kwargs)
        return await _awaited(self, result) if _is_pending(result) else result

    return method


def make_response(self: Quart, result: Any) -> Coroutine[Any, Any, Any]:
    """Make a response, also of a coroutine that a sync decorator handed on."""
    if _is_pending(result):
        return _make_response_of_awaited(self, result)
    return _native_make_response(self, result)


async def _make_response_of_awaited(self: Quart, result: Any) -> Any:
    return await _native_make_response(self, await _awaited(self, result))


def _is_pending(result: Any) -> bool:
    return iscoroutine(result[0] if isinstance(result, tuple) and result else result)


async def _awaited(app: Quart, result: Any) -> Any:
    if not isinstance(result, tuple):
        return await result
    value, *status_and_headers = result
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
    for name in ("dispatch_request", "preprocess_request"):
        setattr(app, name, awaiting_results(getattr(app, name)))
    for name in METHODS:
        setattr(app, name, dual_method(getattr(app, name)))
    app.log_exception = make_context_optional(app.log_exception)
    patch_replacements(REPLACEABLE)
    threads: Any = quart.utils
    threads.copy_context = copy_context_for_thread
    blueprint: Any = Blueprint
    blueprint.send_static_file = dual(blueprint.send_static_file)
    for cls in (app, blueprint):
        cls.open_resource = either(cls.open_resource, _sync_open_resource)
    for owner, names in HOSTED.items():
        for name in names:
            setattr(owner, name, hosted(getattr(owner, name)))
