"""What tests are handed: an app of their own with one user in it, and browsers to visit it.

Async tests and fixtures may do what views do: `db.session` waits in them as it does there.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from browser import NAME, PASSWORD, Browser
from dotenv import dotenv_values
from quart import Quart

pytest_plugins = ["flask_patch.pytest_plugin", "settings"]

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def package() -> ModuleType:
    """The package of the app, the one that `quart run` runs."""
    return import_module(str(dotenv_values(PROJECT / ".quartenv")["QUART_APP"]))


@pytest.fixture
async def app(
    config: dict[str, Any], package: ModuleType, make_users: Callable[[Quart], Any]
) -> AsyncIterator[Quart]:
    """The app, started, with the user `alice`, wherever its own users come from."""
    app: Quart = package.create_app(config)
    users = make_users(app)
    app.extensions["accounts"] = replace(app.extensions["accounts"], users=users)
    async with app.test_app():
        async with app.app_context():
            await users.add(NAME, PASSWORD)
        yield app


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
