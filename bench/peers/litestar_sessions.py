"""Litestar with sessions that the server keeps."""

import asyncio
from typing import Any

from common import (
    HEADERS,
    HOSTS,
    NAME,
    URLS,
    LoginForm,
    Visitor,
    is_own_token,
    is_right,
)
from demo import SLOW_SECONDS
from jinja_pages import render
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import ResponseHeader
from litestar.exceptions import NotAuthorizedException
from litestar.middleware.session.server_side import (
    ServerSideSessionBackend,
    ServerSideSessionConfig,
)
from litestar.response import Redirect
from litestar.security.session_auth import SessionAuth

USERS = {NAME: Visitor(NAME)}


async def find_user(session: dict[str, Any], connection: ASGIConnection) -> Visitor | None:
    """Look the session's user up."""
    return USERS.get(session.get("user", ""))


@get("/healthz", media_type=MediaType.TEXT)
async def healthz() -> str:
    """Say that the process serves."""
    return "ok"


@get(URLS["auth.login"], media_type=MediaType.HTML)
async def show_login(request: Request) -> str:
    """Show the form."""
    if not request.session:
        request.set_session({})
    return render("login.html", request.session, Visitor(), form=LoginForm())


@post(URLS["auth.login"], status_code=303)
async def login(request: Request) -> Response[Any]:
    """Log in."""
    data = {key: str(value) for key, value in (await request.form()).items()}
    form = LoginForm(data=data)
    if not is_own_token(request.session, data.get("csrf_token", "")):
        return Response("Bad request", status_code=400)
    if not await asyncio.to_thread(is_right, form.username.data, form.password.data):
        return Response("Bad login", status_code=401)
    request.set_session({"user": form.username.data})
    return Redirect(URLS["pages.protected"], status_code=303)


@get(URLS["pages.protected"], media_type=MediaType.HTML)
async def protected(request: Request[Visitor, Any, Any]) -> str:
    """Show who is logged in."""
    return render("protected.html", request.session, request.user)


@get("/line", media_type=MediaType.TEXT)
async def line(request: Request[Visitor, Any, Any]) -> str:
    """Show who is logged in, in a line of text."""
    return f"Logged in as: {request.user.name}"


@get("/slow", media_type=MediaType.TEXT)
async def slow(request: Request[Visitor, Any, Any]) -> str:
    """Wait for something."""
    await asyncio.sleep(SLOW_SECONDS)
    return f"Logged in as: {request.user.name}"


async def check_host(request: Request) -> Response[str] | None:
    """Refuse a foreign host; Litestar's own check wants the port listed with it."""
    if request.url.hostname in HOSTS:
        return None
    return Response("Invalid host", status_code=400, media_type=MediaType.TEXT)


def refuse(_: Request, __: NotAuthorizedException) -> Response[str]:
    """Refuse anonymous users."""
    return Response("Unauthorized", status_code=401, media_type=MediaType.TEXT)


app = Litestar(
    [healthz, show_login, login, protected, line, slow],
    on_app_init=[
        SessionAuth[Visitor, ServerSideSessionBackend](
            retrieve_user_handler=find_user,
            session_backend_config=ServerSideSessionConfig(exclude=["^/healthz$"]),
            exclude=["^/healthz$", "^/$"],
        ).on_app_init
    ],
    exception_handlers={NotAuthorizedException: refuse},
    before_request=check_host,
    response_headers=[ResponseHeader(name=name, value=value) for name, value in HEADERS.items()],
    openapi_config=None,
)
