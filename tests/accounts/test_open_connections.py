"""Websockets and streams: one ends soon after the login that opened it, on every node."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from browser import NAME, Browser
from quart import Quart, websocket

SOON = pytest.mark.settings(LOGIN_CHECK_INTERVAL="1s")


@pytest.fixture
def ended(app: Quart) -> asyncio.Event:
    """Add a websocket and a stream that last; the event is set where the websocket ends."""
    ended = asyncio.Event()

    @app.websocket("/live")
    async def live() -> None:
        """Say something again and again."""
        try:
            while True:
                await websocket.send("still there")
                await asyncio.sleep(0.05)
        finally:
            ended.set()

    @app.get("/stream")
    async def stream() -> Any:
        """Send something again and again, for ten seconds at most."""

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(200):
                yield b"."
                await asyncio.sleep(0.05)

        return pieces(), {"Content-Type": "text/plain"}

    return ended


@SOON
@pytest.mark.promise(11, asvs="7.4.1, 7.4.2")
@pytest.mark.parametrize("how", ["logout", "disable", "end_all"])
async def test_open_websocket_ends_with_its_login(
    how: str, member: Browser, users: Any, store: Any, ended: asyncio.Event
) -> None:
    async with member.client.websocket("/live") as connection:
        assert await connection.receive() == "still there"
        user = await users.find(NAME)
        if how == "logout":
            await member.submit("/logout")
        elif how == "disable":
            await users.set_active(NAME, False)
        else:
            await store.end_all(user.id)
        async with asyncio.timeout(10):
            await ended.wait()


@SOON
async def test_websocket_of_a_login_that_lasts_goes_on(
    member: Browser, ended: asyncio.Event
) -> None:
    async with member.client.websocket("/live") as connection:
        for _ in range(30):  # a second and a half, in which the login is looked at
            assert await connection.receive() == "still there"
        assert not ended.is_set()


@SOON
@pytest.mark.promise(11, asvs="7.4.1")
async def test_stream_ends_with_its_login(
    member: Browser, users: Any, store: Any, ended: asyncio.Event
) -> None:
    reading = asyncio.create_task(member.get("/stream"))
    await asyncio.sleep(0.3)
    await store.end_all((await users.find(NAME)).id)
    body = await member.text(await reading)
    assert 0 < len(body) < 100


@SOON
async def test_stream_of_a_token_ends_with_the_token(
    browser: Browser, bearer: dict[str, str], users: Any, store: Any, ended: asyncio.Event
) -> None:
    reading = asyncio.create_task(browser.get("/stream", headers=bearer))
    await asyncio.sleep(0.3)
    user = await users.find(NAME)
    (token,) = await store.tokens_of(user.id)
    assert await store.revoke_token(user.id, token.id)
    assert 0 < len(await browser.text(await reading)) < 100


async def test_stream_is_whole_while_the_login_lasts(member: Browser, ended: asyncio.Event) -> None:
    assert len(await member.text(await member.get("/stream"))) == 200
