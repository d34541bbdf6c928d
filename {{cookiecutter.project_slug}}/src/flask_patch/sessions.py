"""Sessions: one counts as used, which `Vary: Cookie` tells caches, where the app has asked for it.

Quart 0.23 counts each request, since it asks itself when it saves the session and for the variables
of a template. Quart 0.22 counts none, for Flask 3.1 has left the counting to the context.
"""

import sys
from typing import Any

import quart.app
import quart.globals
from quart.ctx import has_app_context, has_request_context

from .versions import SESSION_CONTEXTS, current_request

QUARTS_OWN = {"quart.app", "quart.ctx"}


def _get_session(ctx: Any) -> Any:
    session = ctx.__dict__.get("_session")
    if sys._getframe(1).f_globals.get("__name__") in QUARTS_OWN:
        return session
    if session is None:
        raise RuntimeError("Not within a request nor websocket context")
    session.accessed = True
    return session


def _set_session(ctx: Any, session: Any) -> None:
    ctx.__dict__["_session"] = session


async def template_variables() -> dict[str, Any]:
    """Return what every template knows; the session only counts where the template uses it."""
    context: dict[str, Any] = {}
    if has_app_context():
        context["g"] = quart.globals.g._get_current_object()
    if has_request_context():
        context["request"] = current_request()
        context["session"] = quart.globals.session
    return context


def patch_sessions() -> None:
    """Count a session as used where the app uses it, and nowhere else."""
    for cls in SESSION_CONTEXTS:
        cls.session = property(_get_session, _set_session)
    apps: Any = quart.app
    apps._default_template_ctx_processor = template_variables
