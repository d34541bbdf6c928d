"""Functions: Flask's, re-pointed in place, so that earlier imports of them follow."""

import inspect
from collections.abc import Callable
from typing import Any

import flask
import flask.cli
import flask.helpers
import flask.templating
import quart
import quart.helpers
import quart.templating

from .waiting import dual, go_betweens


def _forward(*args: Any, _target: Callable[..., Any], **kwargs: Any) -> Any:
    return _target(*args, **kwargs)


go_betweens.add(_forward.__code__)


def repoint(function: Any, target: Callable[..., Any]) -> None:
    """Make the function object itself call the target."""
    function.__code__ = _forward.__code__
    function.__defaults__ = None
    function.__kwdefaults__ = {"_target": target}


def repoint_functions() -> None:
    """Give sync callers the results of Quart's async functions, under both names."""
    for name in (
        "render_template",
        "render_template_string",
        "stream_template",
        "stream_template_string",
    ):
        _make_dual(quart.templating, name)
        repoint(getattr(flask.templating, name), getattr(quart.templating, name))
    for name in ("make_response", "flash", "send_file", "send_from_directory"):
        _make_dual(quart.helpers, name)
    repoint(flask.helpers.get_flashed_messages, quart.helpers.get_flashed_messages)


def _make_dual(module: Any, name: str) -> None:
    native = getattr(module, name)
    for owner in (module, quart):
        setattr(owner, name, dual(native))
