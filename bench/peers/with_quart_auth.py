"""Quart with Quart-Auth; with PEER_USERS=sql the user comes from SQLite at every request."""

import os
from typing import Any

from common import Visitor
from demo import NAME
from quart import g
from quart_auth import AuthUser, QuartAuth, Unauthorized, current_user, login_required, login_user
from quart_site import add_pages, create_site

app = create_site()
auth = QuartAuth(app, cookie_secure=False)

if os.environ.get("PEER_USERS") == "sql":
    from sqlite_users import add_user, close, find_user

    app.before_serving(add_user)
    app.after_serving(close)
else:
    USERS = {NAME: Visitor(NAME)}

    async def find_user(name: str) -> Visitor | None:
        """Look the user up."""
        return USERS.get(name)


@app.before_request
async def load_user() -> None:
    """Load the user for the view and the templates."""
    g.user = Visitor()
    if current_user.auth_id is not None:
        g.user = await find_user(current_user.auth_id) or g.user


@app.context_processor
async def add_current_user() -> dict[str, Any]:
    """Give the templates their `current_user`."""
    return {"current_user": g.user}


@app.errorhandler(Unauthorized)
async def refuse(_: Unauthorized) -> tuple[str, int]:
    """Refuse anonymous users."""
    return "Unauthorized", 401


async def log_in(name: str) -> None:
    """Start a login."""
    login_user(AuthUser(name))


add_pages(app, login_required, lambda: g.user.name, log_in)
