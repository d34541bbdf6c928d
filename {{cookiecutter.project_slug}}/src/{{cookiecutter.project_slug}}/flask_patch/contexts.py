"""Contexts: Flask's proxies and context variables follow Quart's."""

import sys
from types import TracebackType
from typing import Any

import flask.globals
import quart.globals
from werkzeug.local import LocalProxy

from .portals import current_portal, drive
from .versions import CONTEXT_CLASSES, ONE_CONTEXT, request_context, request_of
from .waiting import finish_now

NO_REQUEST = "Not within a request or websocket context"


class RequestContextVar:
    """Stands in for Flask's ContextVar; a websocket passes for the request it began as."""

    def get(self, *default: Any) -> Any:
        """Return the request's context, else the default, else raise LookupError."""
        ctx = request_context()
        if ctx is not None:
            return ctx
        if default:
            return default[0]
        raise LookupError(self)


def _require_request_context() -> Any:
    ctx = request_context()
    if ctx is None:
        raise RuntimeError(NO_REQUEST)
    return ctx


def _current_request() -> Any:
    return request_of(_require_request_context())


def repoint_proxies() -> None:
    """Aim Flask's proxies at Quart's contexts, in place, and its modules' variables too."""
    for name in ("app_ctx", "current_app", "g", "session"):
        _aim(getattr(flask.globals, name), getattr(quart.globals, name))
    _aim(flask.globals.request, LocalProxy(_current_request))
    if "request_ctx" in vars(flask.globals):
        _aim(flask.globals.request_ctx, LocalProxy(_require_request_context))
    replacements = {"_cv_app": quart.globals._cv_app, "_cv_request": RequestContextVar()}
    for module_name, module in list(sys.modules.items()):
        if module_name == "flask" or module_name.startswith("flask."):
            for name in replacements.keys() & vars(module).keys():
                setattr(module, name, replacements[name])


def _aim(proxy: Any, target: Any) -> None:
    for slot in ("_get_current_object", "_LocalProxy__wrapped"):
        object.__setattr__(proxy, slot, object.__getattribute__(target, slot))


def _enter(self: Any) -> Any:
    _wait(self.push())
    return self


def _exit(
    self: Any, _type: type[BaseException] | None, error: BaseException | None, _tb: TracebackType | None
) -> None:
    _wait((self.auto_pop if hasattr(self, "auto_pop") else self.pop)(error))


def _wait(coro: Any) -> None:
    # Never by another thread: the context has to be set in this one.
    portal = current_portal()
    if portal is None:
        finish_now(coro)
    else:
        drive(coro, portal)


def make_contexts_synchronous() -> None:
    """Let `with app.app_context()` work beside `async with`."""
    for cls in CONTEXT_CLASSES:
        cls.__enter__ = _enter
        cls.__exit__ = _exit
