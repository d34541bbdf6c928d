"""The pytest plugin: async tests and fixtures call sync code that waits."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from flask_patch import await_only
from flask_patch.pytest_plugin import _hosted_generator


def wait() -> None:
    """Wait for a turn of the event loop, in sync code."""
    await_only(asyncio.sleep(0))


async def test_fixture_waits_while_it_is_set_up_and_torn_down() -> None:
    done = []

    async def fixture(name: str) -> AsyncIterator[str]:
        wait()
        yield name
        wait()
        done.append(name)

    generator = _hosted_generator(fixture)("a fixture")
    assert await anext(generator) == "a fixture"
    assert done == []
    with pytest.raises(StopAsyncIteration):
        await anext(generator)
    assert done == ["a fixture"]


async def test_fixture_without_the_plugin_is_told_how_to_wait() -> None:
    async def fixture() -> AsyncIterator[None]:
        wait()
        yield

    with pytest.raises(RuntimeError, match="greenlet_spawn"):
        await anext(fixture())
