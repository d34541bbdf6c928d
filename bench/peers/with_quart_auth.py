"""Quart with Quart-Auth: the user's name is in a cookie of its own."""

from typing import Any

from common import Visitor
from demo import NAME
from quart import g
from quart_auth import AuthUser, QuartAuth, Unauthorized, current_user, login_required, login_user
from quart_site import add_pages, create_site

USERS = {NAME: Visitor(NAME)}

app = create_site()
auth = QuartAuth(app, cookie_secure=False)


@app.before_request
async def load_user() -> None:
    """Load the user for the view and the templates."""
    g.user = USERS.get(current_user.auth_id or "") or Visitor()


@app.context_processor
async def add_current_user() -> dict[str, Any]:
    """Give the templates their `current_user`."""
    return {"current_user": g.user}


@app.errorhandler(Unauthorized)
async def refuse(_: Unauthorized) -> tuple[str, int]:
    """Refuse anonymous users."""
    return "Unauthorized", 401


def log_in(name: str) -> None:
    """Start a login."""
    login_user(AuthUser(name))


add_pages(app, login_required, lambda: g.user.name, log_in)
