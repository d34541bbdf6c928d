"""Clients that leave in the middle: what they asked for is done, and in the log, all the same."""

import asyncio
import json
import logging
from typing import Any
from urllib.parse import urlencode

import pytest
from browser import Browser, from_outside
from entrance import NAME, PASSWORD
from flask_patch import await_only
from people import NEW_PASSWORD
from quart import Quart

ANN = "ann@example.org"
DEEDS = {
    "login": ("/login", {"email": NAME, "password": PASSWORD}),
    "logout": ("/logout", {}),
    "password changed": (
        "/change",
        {
            "password": PASSWORD,
            "new_password": NEW_PASSWORD,
            "new_password_confirm": NEW_PASSWORD,
        },
    ),
    "registered": (
        "/register",
        {"email": ANN, "password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD},
    ),
}


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> Any:
    """What the audit log has of one event."""
    caplog.set_level(logging.INFO, "audit")

    def events(event: str) -> list[str]:
        lines = [json.loads(one.message) for one in caplog.records if one.name == "audit"]
        return [line["user"] for line in lines if line["event"] == event]

    return events


async def hang_up(
    browser: Browser, path: str, form: dict[str, str], reached: asyncio.Event
) -> None:
    """Send a form, and leave as soon as the app has got so far."""
    body = urlencode(form).encode()
    headers = {
        **browser.headers,
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": str(len(body)),
        "X-CSRFToken": await browser.token(),
    }

    async def leave() -> None:
        async with browser.client.request(path, method="POST", headers=headers) as connection:
            await connection.send(body)
            await connection.send_complete()
            async with asyncio.timeout(20):
                await reached.wait()
            await connection.disconnect()

    await from_outside(leave())


async def settle(done: list[Any]) -> None:
    """Wait until what was begun is done."""
    async with asyncio.timeout(10):
        while not done:  # noqa: ASYNC110  # another task does it
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)


async def test_guess_of_a_client_that_leaves_is_counted_and_logged(
    app: Quart, browser: Browser, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, reached, done = app.extensions["security"].pwd_context, asyncio.Event(), []
    verify = type(context).verify

    def slow(self: Any, *args: Any, **options: Any) -> bool:
        reached.set()
        await_only(asyncio.sleep(0.2))
        done.append(verify(self, *args, **options))
        return bool(done[-1])

    monkeypatch.setattr(type(context), "verify", slow)
    for number in range(5):
        reached.clear()
        done.clear()
        await hang_up(browser, "/login", {"email": NAME, "password": "wrong"}, reached)
        await settle(done)
        assert events("login failed") == [NAME] * (number + 1)
    monkeypatch.undo()
    assert (await browser.login()).status_code == 429


@pytest.mark.parametrize("event", DEEDS)
async def test_deed_of_a_client_that_leaves_is_done_and_logged_once(
    app: Quart, event: str, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, (path, form) = Browser(app), DEEDS[event]
    if event in ("logout", "password changed"):
        await browser.login()
    users, reached, done = app.extensions["security"].datastore, asyncio.Event(), []
    commit, before = users.commit, len(events(event))

    def slow() -> None:
        reached.set()
        await_only(asyncio.sleep(0.2))
        commit()
        done.append(True)

    monkeypatch.setattr(users, "commit", slow)
    await hang_up(browser, path, form, reached)
    await settle(done)
    monkeypatch.undo()
    assert len(events(event)) == before + 1
    other = Browser(app)
    if event == "logout":
        assert not await browser.is_logged_in()
    elif event == "password changed":
        assert (await other.login(password=PASSWORD)).status_code == 401
        assert (await other.login(password=NEW_PASSWORD)).status_code == 302
    elif event == "registered":
        async with app.app_context():
            assert users.find_user(email=ANN) is not None
