"""Starlette with its session middleware, and FastAPI Users' ground: headers and hosts."""

import asyncio
from functools import wraps
from typing import Any

from common import (
    HEADERS,
    HOSTS,
    KEY,
    NAME,
    URLS,
    LoginForm,
    Visitor,
    is_own_token,
    is_right,
)
from demo import SLOW_SECONDS
from jinja_pages import render
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

USERS = {NAME: Visitor(NAME)}


class HeadersMiddleware:
    """Adds the headers, as a plain ASGI middleware."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, and the answer with more headers."""

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


MIDDLEWARE = [
    Middleware(HeadersMiddleware),
    Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS),
    Middleware(SessionMiddleware, secret_key=KEY),
]


def protect(view: Any) -> Any:
    """Refuse anonymous users."""

    @wraps(view)
    async def protected(request: Request) -> Response:
        user = USERS.get(request.session.get("user", ""))
        if user is None:
            return PlainTextResponse("Unauthorized", 401)
        request.state.user = user
        return await view(request)  # type: ignore[no-any-return]  # a view of ours

    return protected


async def healthz(request: Request) -> Response:
    """Say that the process serves."""
    return PlainTextResponse("ok")


async def login(request: Request) -> Response:
    """Show the form, and log in."""
    data = await request.form()
    form = LoginForm(data if data else None)
    if request.method == "GET":
        return HTMLResponse(render("login.html", request.session, Visitor(), form=form))
    form = LoginForm(data={key: str(value) for key, value in data.items()})
    if not is_own_token(request.session, str(data.get("csrf_token", ""))):
        return PlainTextResponse("Bad request", 400)
    if not await asyncio.to_thread(is_right, form.username.data, form.password.data):
        return PlainTextResponse("Bad login", 401)
    request.session.clear()
    request.session["user"] = form.username.data
    return RedirectResponse(URLS["pages.protected"], 303)


@protect
async def protected(request: Request) -> Response:
    """Show who is logged in."""
    return HTMLResponse(render("protected.html", request.session, request.state.user))


@protect
async def line(request: Request) -> Response:
    """Show who is logged in, in a line of text."""
    return PlainTextResponse(f"Logged in as: {request.state.user.name}")


@protect
async def slow(request: Request) -> Response:
    """Wait for something."""
    await asyncio.sleep(SLOW_SECONDS)
    return PlainTextResponse(f"Logged in as: {request.state.user.name}")


app = Starlette(
    routes=[
        Route("/healthz", healthz),
        Route(URLS["auth.login"], login, methods=["GET", "POST"]),
        Route(URLS["pages.protected"], protected),
        Route("/line", line),
        Route("/slow", slow),
    ],
    middleware=MIDDLEWARE,
)
