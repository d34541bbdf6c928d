"""What the tests share: the patch under test, a client that looks the same on Quart and Flask."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

__all__ = ["PATCH", "App", "Browser", "Meeting", "Reply", "all_at_once", "app_context", "wait_for"]

PATCH = os.environ.get("PATCH", "")
SOURCE = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}/src"

if PATCH == "flask_patch":
    sys.path.insert(0, str(SOURCE))
    import flask_patch
elif PATCH == "quart_flask_patch":
    import quart_flask_patch  # noqa: F401  (patches on import)
    from quart_flask_patch._synchronise import sync_with_context

if PATCH == "flask":
    from flask import Flask as App
else:
    from quart import Quart as App
    from quart.testing.utils import make_test_body_with_headers


def wait_for(awaitable: Awaitable[Any]) -> Any:
    """Wait in sync code, by whatever the patch under test offers for it."""
    return (
        flask_patch.await_only(awaitable)
        if PATCH == "flask_patch"
        else sync_with_context(awaitable)
    )


@asynccontextmanager
async def app_context(app: Any) -> AsyncIterator[None]:
    """Enter an app context in a test, on Quart and on Flask."""
    if PATCH == "flask":
        with app.app_context():
            yield
    else:
        async with app.app_context():
            yield


class Reply:
    """A response that has been read."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        import json

        return json.loads(self.body)

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:300]!r}>"


class Browser:
    """A client with cookies; `form`, `json`, `files` and `data` are the body."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.client = app.test_client()

    async def open(self, method: str, path: str, **options: Any) -> Reply:
        if PATCH == "flask":
            return await asyncio.to_thread(self._open_flask, method, path, **options)
        body = {name: options.pop(name) for name in ("form", "files", "json") if name in options}
        if body:
            options["data"], headers = make_test_body_with_headers(app=self.app, **body)
            length = {"Content-Length": str(len(options["data"]))}  # Quart's client leaves it out
            options["headers"] = {**headers, **length, **options.get("headers", {})}
        response = await self.client.open(path, method=method, **options)
        return Reply(response.status_code, response.headers, await response.get_data())

    def _open_flask(self, method: str, path: str, **options: Any) -> Reply:
        data = {**options.pop("form", {}), **options.pop("files", {})}
        if data:
            options["data"] = data
        options["base_url"] = options.pop("scheme", "http") + "://localhost"
        with self.client.open(path, method=method, **options) as response:
            return Reply(response.status_code, response.headers, response.get_data())

    async def get(self, path: str, **options: Any) -> Reply:
        return await self.open("GET", path, **options)

    async def post(self, path: str, **options: Any) -> Reply:
        return await self.open("POST", path, **options)

    async def put(self, path: str, **options: Any) -> Reply:
        return await self.open("PUT", path, **options)

    async def delete(self, path: str, **options: Any) -> Reply:
        return await self.open("DELETE", path, **options)

    async def options(self, path: str, **options: Any) -> Reply:
        return await self.open("OPTIONS", path, **options)

    def cookie(self, name: str) -> str | None:
        """Read a cookie's value."""
        if PATCH == "flask":
            found = self.client.get_cookie(name)
            return found.value if found else None
        return next((each.value for each in self.client.cookie_jar if each.name == name), None)

    def set_cookie(self, name: str, value: str) -> None:
        """Plant a cookie."""
        if PATCH == "flask":
            self.client.set_cookie(name, value)
        else:
            self.client.set_cookie("localhost", name, value)

    def forget(self, name: str) -> None:
        """Drop a cookie, as a browser does at the end of a session."""
        if PATCH == "flask":
            self.client.delete_cookie(name)
            return
        for each in list(self.client.cookie_jar):
            if each.name == name:
                self.client.cookie_jar.clear(each.domain, each.path, each.name)


class Meeting:
    """Holds every visitor until all have come, so that requests served one by one never leave."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.arrived = 0
        self._all_here = asyncio.Event()

    async def join(self) -> None:
        self.arrived += 1
        if self.arrived == self.expected:
            self._all_here.set()
        async with asyncio.timeout(3):
            await self._all_here.wait()


async def all_at_once(browsers: list[Browser], path: str, **options: Any) -> list[Reply]:
    """GET a path with every browser at the same time."""
    return await asyncio.gather(*(browser.get(path, **options) for browser in browsers))
