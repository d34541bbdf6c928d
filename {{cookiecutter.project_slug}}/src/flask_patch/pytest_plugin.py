"""A pytest plugin: sync code that async tests and fixtures call can wait, as in a request.

`pytest_plugins = ["flask_patch.pytest_plugin"]` in `conftest.py` is all it takes, beside
pytest-asyncio.
"""

from collections.abc import AsyncIterator, Callable, Generator
from contextlib import suppress
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any

import pytest

from .portals import hosted


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Host async tests."""
    for item in items:
        if isinstance(item, pytest.Function) and iscoroutinefunction(item.obj):
            item.obj = hosted(item.obj)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
    """Host an async fixture while it is set up and torn down."""
    given: Any = fixturedef.func
    with pytest.MonkeyPatch.context() as patch:
        if iscoroutinefunction(given):
            patch.setattr(fixturedef, "func", hosted(given))
        elif isasyncgenfunction(given):
            patch.setattr(fixturedef, "func", _hosted_generator(given))
        return (yield)


def _hosted_generator(
    function: Callable[..., AsyncIterator[Any]],
) -> Callable[..., AsyncIterator[Any]]:
    @wraps(function)
    async def in_portal(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        fixture = function(*args, **kwargs)

        async def advance() -> Any:
            return await fixture.__anext__()

        yield await hosted(advance)()
        with suppress(StopAsyncIteration):
            await hosted(advance)()

    return in_portal
