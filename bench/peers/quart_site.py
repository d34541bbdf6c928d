"""The pages of the Quart peers; how a user logs in and is known is the peer's affair."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from common import (
    HOSTS,
    KEY,
    SITE,
    STATIC,
    TEMPLATES,
    URLS,
    LoginForm,
    csrf_token,
    is_own_token,
    is_right,
    missing,
)
from demo import SLOW_SECONDS
from quart import Quart, Response, abort, redirect, render_template, request, session
from werkzeug.sansio.utils import host_is_trusted


def create_site() -> Quart:
    """Create an app with the host check and the headers."""
    app = Quart("site", template_folder=TEMPLATES, static_folder=STATIC)
    app.config.update(SITE, SECRET_KEY=KEY)

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
    log_in: Callable[[str], Awaitable[None]],
) -> None:
    """Add the pages that all peers have."""

    @app.get("/healthz")
    async def healthz() -> str:
        return "ok"

    @app.route(URLS["auth.login"], methods=["GET", "POST"], endpoint="auth.login")
    async def login() -> Any:
        data = await request.form
        form = LoginForm(data)
        if request.method == "GET":
            return await render_template("login.html", form=form)
        if not is_own_token(session, data.get("csrf_token", "")) or not form.validate():
            return "Bad request", 400
        if not await asyncio.to_thread(is_right, form.username.data, form.password.data):
            return await render_template("login.html", form=form, refused=True), 401
        await log_in(form.username.data)
        return redirect(URLS["pages.protected"], 303)

    @app.get(URLS["pages.protected"], endpoint="pages.protected")
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

    for endpoint in ("auth.logout", "account.sessions", "account.password"):
        app.add_url_rule(URLS[endpoint], endpoint, healthz)
