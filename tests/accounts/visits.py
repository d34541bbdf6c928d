"""What tests are handed: the app of the render with one user in it, its parts, and browsers."""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.util import find_spec
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from browser import NAME, PASSWORD, Browser
from flask_patch import greenlet_spawn
from quart import Quart
from redis.asyncio import Redis
from redis.exceptions import RedisError

REDIS = os.environ.get("TEST_REDIS_URL") or "redis://localhost:6379/12"

KNOWN = () if find_spec("accounts.oidc") else ("browser",)
"""The cookie that a browser is known by, where passwords are asked for and not at a provider."""


@pytest.fixture
async def app(config: dict[str, Any], package: ModuleType) -> AsyncIterator[Quart]:
    """The app, started, with the user `alice`."""
    app: Quart = package.create_app(config)
    async with app.test_app():
        await Part(app, app.extensions["accounts"].users).add(NAME, PASSWORD)
        yield app


class Part:
    """A part of the app, whose methods are called as requests call them, each by itself."""

    def __init__(self, app: Quart, part: Any) -> None:
        self.app, self.part = app, part

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            async with self.app.app_context():
                return await greenlet_spawn(getattr(self.part, name), *args, **kwargs)

        return call


@pytest.fixture
def users(app: Quart) -> Any:
    """Where the app's users come from."""
    return Part(app, app.extensions["accounts"].users)


@pytest.fixture
def store(app: Quart) -> Any:
    """Where the app's logins are kept."""
    return Part(app, app.extensions["accounts"].store)


@pytest.fixture
def load(store: Any, users: Any) -> Callable[[str], Awaitable[Any]]:
    """Load the user of a login by its token."""
    return lambda token: store.load(token, users.part)


@pytest.fixture
async def member(app: Quart) -> Browser:
    """A browser in which `alice` is logged in."""
    browser = Browser(app)
    assert (await browser.login()).status_code == 303
    return browser


@pytest.fixture
async def bearer(users: Any, store: Any) -> dict[str, str]:
    """The header of a program with a token of `alice`."""
    token = await store.add_token((await users.find(NAME)).id, "test", int(time.time()) + 100)
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def serving(app: Quart) -> Quart:
    """The app as it answers in production: a fault is a 500, not an exception in the test."""
    app.testing, app.config["PROPAGATE_EXCEPTIONS"] = False, False
    return app


async def redis_url() -> str:
    """Return the address of a Redis that answers, or skip the test."""
    redis = Redis.from_url(REDIS)
    try:
        await redis.ping()
    except (RedisError, OSError) as error:
        pytest.skip(f"Redis does not answer at {REDIS} (TEST_REDIS_URL): {error}")
    finally:
        await redis.aclose()
    return REDIS


def unique(name: str) -> str:
    """Return a name that nobody else has used, in a Redis that others use as well."""
    return f"{name}-{uuid4().hex}"
