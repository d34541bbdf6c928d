"""Activate the patch that the PATCH variable names, before any extension is imported.

Without PATCH nothing here is collected: the packages are not this repository's requirements.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import uuid4

import pytest

if not os.environ.get("PATCH"):
    collect_ignore_glob = ["test_*.py"]
else:
    from harness import PATCH, App, Browser

    def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
        if PATCH == "flask":
            for item in items:
                if item.get_closest_marker("quart") or (
                    item.get_closest_marker("quart_async") and "[async" in item.name
                ):
                    item.add_marker(pytest.mark.skip(reason="needs Quart"))


@pytest.fixture
def app() -> Any:
    app = App("app")
    app.secret_key = "a key that is only for tests"
    app.testing = True
    return app


@pytest.fixture
def browser(app: Any) -> Any:
    return Browser(app)


@pytest.fixture(params=["async", "sync"])
def view(request: pytest.FixtureRequest) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Turn a function into the kind of view under test; the async one really suspends first."""

    def asynchronous(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        async def suspending(*args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(0)
            return function(*args, **kwargs)

        return suspending

    return asynchronous if request.param == "async" else lambda function: function


@pytest.fixture
def redis_url() -> str:
    return os.environ.get("TEST_REDIS_URL", "redis://localhost:6379/15")


@pytest.fixture
def prefix() -> str:
    """Keep the keys of tests that run side by side apart."""
    return f"extensions-{uuid4().hex}:"
