"""A browser to visit the app with."""

import asyncio
import re
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

import entrance
from entrance import LOGIN, NAME, PASSWORD
from quart import Quart, Response


class Browser:
    """A test client that sends what a browser sends, the token of a form included."""

    def __init__(self, app: Quart) -> None:
        self.app, self.client = app, app.test_client()
        self.headers = {"Accept": "text/html", "User-Agent": "a browser"}

    async def get(self, path: str, **options: Any) -> Response:
        """Open a page."""
        return await self.open(path, **options)

    async def post(self, path: str, **options: Any) -> Response:
        """Send a request as it is, without a token."""
        return await self.open(path, method="POST", **options)

    async def submit(self, path: str, **form: str) -> Response:
        """Send a form with the token of its page."""
        return await self.post(path, form={"csrf_token": await self.token(), **form})

    async def token(self) -> str:
        """Return the token that this browser's forms carry."""
        page = await self.text(await self.get("/", follow_redirects=True))
        found = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page)
        assert found, page
        return found[1]

    async def login(
        self, name: str = NAME, password: str = PASSWORD, path: str = LOGIN, **form: str
    ) -> Response:
        """Log in."""
        response: Response = await entrance.login(self, name, password, path, **form)
        return response

    async def is_logged_in(self) -> bool:
        """Say whether the protected page opens."""
        return (await self.get("/protected")).status_code == 200

    def cookie(self, kind: str) -> str | None:
        """Return the value of a cookie that this browser holds: session, remember or browser."""
        name = self.app.config[f"{kind.upper()}_COOKIE_NAME"]
        return next((one.value for one in self.client.cookie_jar or () if one.name == name), None)

    def set_cookie(self, kind: str, value: str) -> None:
        """Put a cookie into this browser."""
        self.client.set_cookie("localhost", self.app.config[f"{kind.upper()}_COOKIE_NAME"], value)

    def request_context(self, path: str = "/") -> Any:
        """Return the context of a request by this browser: `current_user` is who is logged in."""
        cookies = "; ".join(f"{one.name}={one.value}" for one in self.client.cookie_jar or ())
        headers = {**self.headers, "Cookie": cookies}
        return self.app.test_request_context(path, headers=headers)

    @staticmethod
    async def text(response: Response) -> str:
        """Return the body of an answer."""
        return str(await response.get_data(as_text=True))

    async def open(self, path: str, **options: Any) -> Response:
        """Send a request with any method."""
        headers = {**self.headers, **options.pop("headers", {})}
        return await from_outside(self.client.open(path, headers=headers, **options))


async def from_outside(request: Coroutine[Any, Any, Any]) -> Any:
    """Send a request as one that comes over the network, which knows no context of the test."""
    return await asyncio.create_task(request, context=Context())
