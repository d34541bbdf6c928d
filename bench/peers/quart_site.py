"""The pages of the Quart peers; how a user logs in and is known is the peer's affair."""

import asyncio
from collections.abc import Callable
from typing import Any

from common import FOLDERS, HOSTS, LINKS, SETTINGS, csrf_token, missing
from demo import NAME, SLOW_SECONDS
from quart import Quart, Response, abort, redirect, render_template, request, session
from werkzeug.sansio.utils import host_is_trusted


def create_site() -> Quart:
    """Create an app with the host check and the headers."""
    app = Quart("site", **FOLDERS)
    app.config.update(SETTINGS)

    @app.before_request
    async def check_host() -> None:
        if not host_is_trusted(request.host, HOSTS):
            abort(400)

    @app.after_request
    async def set_headers(response: Response) -> Response:
        response.headers.extend(missing(response.headers))
        return response

    @app.context_processor
    async def add_csrf_token() -> dict[str, Any]:
        return {"csrf_token": lambda: csrf_token(session)}

    return app


def add_pages(
    app: Quart,
    protect: Callable[..., Any],
    user_name: Callable[[], str],
    log_in: Callable[[str], None],
) -> None:
    """Add the pages that all peers have."""

    @app.get("/healthz")
    async def healthz() -> str:
        return "ok"

    @app.route("/", methods=["GET", "POST"], endpoint="login.login")
    async def login() -> Any:
        if request.method == "POST":
            log_in(NAME)
            return redirect("/protected", 303)
        return ""

    @app.get("/protected", endpoint="pages.protected")
    @protect
    async def protected() -> str:
        return await render_template("protected.html")

    @app.get("/line")
    @protect
    async def line() -> str:
        return f"Logged in as: {user_name()}"

    @app.get("/slow")
    @protect
    async def slow() -> str:
        await asyncio.sleep(SLOW_SECONDS)
        return f"Logged in as: {user_name()}"

    for endpoint, path in LINKS.items():
        app.add_url_rule(path, endpoint, healthz)
