"""Functions: Flask's, re-pointed in place so that earlier imports follow, and its classes."""

from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction
from io import BytesIO
from typing import Any

import flask
import flask.app
import flask.ctx
import flask.helpers
import flask.templating
import quart
import quart.helpers
import quart.templating
from flask.views import MethodView, http_method_funcs

from .versions import find_request_context
from .waiting import TRANSPARENT, await_only, dual, iterate

TEMPLATING = ("render_template", "render_template_string")
STREAMING = ("stream_template", "stream_template_string")
HELPERS = ("make_response", "flash", "send_file", "send_from_directory")
RENAMED = {"download_name": "attachment_filename", "max_age": "cache_timeout"}


def _forward(*args: Any, _target: Callable[..., Any], **kwargs: Any) -> Any:
    return _target(*args, **kwargs)


TRANSPARENT.add(_forward.__code__)


def repoint(function: Any, target: Callable[..., Any]) -> None:
    """Make the function object itself call the target."""
    function.__code__ = _forward.__code__
    function.__defaults__ = None
    function.__kwdefaults__ = {"_target": target}


def repoint_functions() -> None:
    """Make Quart's functions answer sync callers, and Flask's call Quart's."""
    for name in TEMPLATING:
        repoint(getattr(flask.templating, name), _make_dual(quart.templating, name))
    for name in STREAMING:
        repoint(
            getattr(flask.templating, name), _make_dual(quart.templating, name, _wait_for_stream)
        )
    for name in HELPERS:
        _make_dual(quart.helpers, name)
    repoint(flask.helpers.send_file, dual(send_file))
    repoint(flask.helpers.send_from_directory, dual(send_from_directory))
    repoint(flask.ctx.has_request_context, has_request_context)
    repoint(flask.helpers.get_flashed_messages, quart.helpers.get_flashed_messages)
    repoint(flask.helpers.get_template_attribute, quart.helpers.get_template_attribute)


def _wait_for_stream(stream: Any) -> Iterator[str]:
    return iterate(await_only(stream))


def _make_dual(
    module: Any, name: str, wait: Callable[[Any], Any] = await_only
) -> Callable[..., Any]:
    answer = dual(getattr(module, name), wait)
    for owner in (module, quart):
        setattr(owner, name, answer)
    return answer


def has_request_context() -> bool:
    """Return whether there is a request, or a websocket, which passes for one."""
    return find_request_context() is not None


async def send_file(file: Any, *args: Any, **kwargs: Any) -> quart.Response:
    """Send a file with Flask's arguments."""
    if hasattr(file, "read") and not isinstance(file, BytesIO):
        file = BytesIO(file.read())
    return await _send(quart.helpers.send_file, file, *args, **kwargs)


async def send_from_directory(directory: Any, path: Any, **kwargs: Any) -> quart.Response:
    """Send a file of a directory with Flask's arguments."""
    return await _send(quart.helpers.send_from_directory, directory, path, **kwargs)


async def _send(function: Callable[..., Any], *args: Any, **kwargs: Any) -> quart.Response:
    etag, conditional = kwargs.pop("etag", True), kwargs.pop("conditional", True)
    options = {RENAMED.get(name, name): value for name, value in kwargs.items()}
    response: quart.Response = await function(*args, add_etags=etag is True, **options)
    if isinstance(etag, str):
        response.set_etag(etag)
    if conditional:
        length = response.content_length
        await response.make_conditional(quart.request, accept_ranges=True, complete_length=length)
    return response


def replace_classes() -> None:
    """Make Quart's classes Flask's, for extensions that derive from them or ask for them."""
    for owner in (flask, flask.app):
        vars(owner)["Flask"] = quart.Quart
    quart.Blueprint.__bases__ = (flask.Blueprint,)
    view: Any = MethodView
    view.__init_subclass__ = classmethod(_init_view)


def _init_view(cls: type[MethodView], /, **kwargs: Any) -> None:
    """Let a dispatcher that calls async methods without more get their results."""
    _native_init_view(cls, **kwargs)
    for name in http_method_funcs & vars(cls).keys():
        if iscoroutinefunction(vars(cls)[name]):
            setattr(cls, name, dual(vars(cls)[name]))


_native_init_view: Callable[..., None] = vars(MethodView)["__init_subclass__"].__func__
