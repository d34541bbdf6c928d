"""An app of its own for each test, with one user in it, and a browser to visit it."""

import re
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from dotenv import dotenv_values
from quart import Quart, Response

pytest_plugins = ["settings"]

# The package is the one that `quart run` runs.
PACKAGE = import_module(str(dotenv_values(Path(__file__).parents[1] / ".env.example")["QUART_APP"]))

NAME, PASSWORD = "alice", "correct horse battery"


class Browser:
    """A test client that sends what a browser sends, the token of a form included."""

    def __init__(self, app: Quart) -> None:
        self.client = app.test_client()
        self.headers = {"Accept": "text/html", "User-Agent": "a browser"}

    async def get(self, path: str, **options: Any) -> Response:
        """Open a page."""
        return await self._open(self.client.get, path, options)

    async def post(self, path: str, **options: Any) -> Response:
        """Send a request as it is, without a token."""
        return await self._open(self.client.post, path, options)

    async def submit(self, path: str, **form: str) -> Response:
        """Send a form with the token of its page."""
        return await self.post(path, form={"csrf_token": await self.token(), **form})

    async def token(self) -> str:
        """Return the token that this browser's forms carry."""
        page = await self.text(await self.get("/", follow_redirects=True))
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert found, page
        return found[1]

    async def login(
        self, name: str = NAME, password: str = PASSWORD, path: str = "/", **form: str
    ) -> Response:
        """Log in."""
        return await self.submit(path, username=name, password=password, **form)

    async def is_logged_in(self) -> bool:
        """Say whether the protected page opens."""
        return (await self.get("/protected")).status_code == 200

    def cookie(self, name: str) -> str | None:
        """Return the value of a cookie that this browser holds."""
        jar = self.client.cookie_jar or ()
        return next((cookie.value for cookie in jar if cookie.name == name), None)

    def set_cookie(self, name: str, value: str) -> None:
        """Put a cookie into this browser."""
        self.client.set_cookie("localhost", name, value)

    @staticmethod
    async def text(response: Response) -> str:
        """Return the body of an answer."""
        return str(await response.get_data(as_text=True))

    async def _open(self, method: Any, path: str, options: dict[str, Any]) -> Response:
        headers = {**self.headers, **options.pop("headers", {})}
        response: Response = await method(path, headers=headers, **options)
        return response


@pytest.fixture(scope="session")
def package() -> ModuleType:
    """The package under test."""
    return PACKAGE


@pytest.fixture(scope="session")
def flask_patch() -> ModuleType:
    """The bridge that Flask extensions run on."""
    return import_module("flask_patch")


@pytest.fixture
async def app(config: dict[str, Any]) -> AsyncIterator[Quart]:
    """The app, started, with the user `alice`."""
    app: Quart = PACKAGE.create_app(config)
    async with app.test_app():
        await app.extensions["users"].add(NAME, PASSWORD)
        yield app


@pytest.fixture
def users(app: Quart) -> Any:
    """The app's user backend."""
    return app.extensions["users"]


@pytest.fixture
def browser(app: Quart) -> Browser:
    """A browser that nobody has used."""
    return Browser(app)


@pytest.fixture
async def member(app: Quart) -> Browser:
    """A browser in which `alice` is logged in."""
    browser = Browser(app)
    assert (await browser.login()).status_code == 303
    return browser
