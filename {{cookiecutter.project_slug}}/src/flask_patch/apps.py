"""Apps: a Quart app offers what extensions expect of a Flask app, and hosts what it runs."""

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from inspect import CO_COROUTINE, Parameter, iscoroutine, iscoroutinefunction, signature
from types import FunctionType
from typing import Any

import quart.asgi
import quart.utils
from flask.app import Flask
from quart import Blueprint, Quart

from .portals import call, copy_context_for_thread, hosted
from .versions import CONTEXT_CLASSES, dual_method, make_context_optional
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
SESSION_METHODS = ("open_session", "save_session", "make_null_session")


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


def adopt(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a replacement written for Flask serve Quart, which awaits it, and sync code."""
    takes_context = _takes_context(function)

    async def replacement(*args: Any, **kwargs: Any) -> Any:
        if not takes_context:
            args = tuple(arg for arg in args if not isinstance(arg, CONTEXT_CLASSES))
        return await call(function, *args, **kwargs)

    return wraps(function)(dual(replacement))


def _takes_context(function: Callable[..., Any]) -> bool:
    return any(
        "ctx" in parameter.name
        or "context" in parameter.name
        or parameter.kind is Parameter.VAR_POSITIONAL
        for parameter in signature(function).parameters.values()
    )


def _set_attribute(self: Quart, name: str, value: Any) -> None:
    if name in REPLACEABLE and callable(value):
        value = adopt(value)
    elif name == "session_interface":
        for method in SESSION_METHODS:
            if not iscoroutinefunction(getattr(value, method)):
                setattr(value, method, adopt(getattr(value, method)))
    object.__setattr__(self, name, value)


def _init_subclass(cls: type[Quart], /, **kwargs: Any) -> None:
    super(Quart, cls).__init_subclass__(**kwargs)
    for name in REPLACEABLE:
        if isinstance(vars(cls).get(name), FunctionType):
            setattr(cls, name, adopt(vars(cls)[name]))


def make_response(self: Quart, result: Any) -> Coroutine[Any, Any, Any]:
    """Make a response, also of a coroutine that a sync decorator handed on."""
    if iscoroutine(result) or (isinstance(result, tuple) and result and iscoroutine(result[0])):
        return _make_response_of_awaited(self, result)
    return _native_make_response(self, result)


async def _make_response_of_awaited(self: Quart, result: Any) -> Any:
    if not isinstance(result, tuple):
        return await _native_make_response(self, await result)
    value, *status_and_headers = result
    response = await _native_make_response(self, await value)
    return await _native_make_response(self, (response, *status_and_headers))


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


def test_request_context(self: Quart, path: str = "/", **kwargs: Any) -> Any:
    """Create a request context; the path may be left out, as in Flask."""
    return _native_test_request_context(self, path, **kwargs)


_native_make_response = Quart.make_response
_native_options_response = Quart.make_default_options_response
_native_add_background_task = Quart.add_background_task
_sync_open_resource = Flask.open_resource
_native_test_request_context = Quart.test_request_context


def patch_apps() -> None:
    """Give Quart Flask's ways between sync and async, and host what it runs."""
    app: Any = Quart
    app.ensure_sync = app.async_to_sync = ensure_sync
    app.ensure_async = ensure_async
    app.sync_to_async = sync_to_async
    app.add_background_task = add_background_task
    app.test_request_context = test_request_context
    app.make_response = make_response
    app.make_default_options_response = make_default_options_response
    app.__setattr__ = _set_attribute
    app.__init_subclass__ = classmethod(_init_subclass)
    for name in METHODS:
        setattr(app, name, dual_method(getattr(app, name)))
    app.log_exception = make_context_optional(app.log_exception)
    threads: Any = quart.utils
    threads.copy_context = copy_context_for_thread
    blueprint: Any = Blueprint
    blueprint.send_static_file = dual(blueprint.send_static_file)
    for cls in (app, blueprint):
        cls.open_resource = either(cls.open_resource, _sync_open_resource)
    for owner, names in HOSTED.items():
        for name in names:
            setattr(owner, name, hosted(getattr(owner, name)))
