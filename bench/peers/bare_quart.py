"""Quart alone: the session holds the user's name."""

from functools import wraps
from typing import Any

from common import Visitor
from demo import NAME
from quart import session
from quart_site import add_pages, create_site

USERS = {NAME: Visitor(NAME)}

app = create_site()


def protect(view: Any) -> Any:
    """Refuse anonymous users."""

    @wraps(view)
    async def protected(**values: Any) -> Any:
        if session.get("user") not in USERS:
            return "Unauthorized", 401
        return await view(**values)

    return protected


@app.context_processor
async def add_user() -> dict[str, Any]:
    """Give the templates their `current_user`."""
    return {"current_user": USERS.get(session.get("user")) or Visitor()}


def log_in(name: str) -> None:
    """Start a login."""
    session.clear()
    session["user"] = name


add_pages(app, protect, lambda: session["user"], log_in)
