"""A backend that looks, from time to time, whether who is logged in may stay so."""

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from accounts import BackendUnavailable, RecheckedUsers
from browser import NAME, Browser, from_outside
from flask_patch import await_only
from quart import Quart


class Fading:
    """Users as they are, whom another system may take back; `word` is what it says."""

    def __init__(self, users: Any) -> None:
        self.users, self.due, self.asked = users, True, 0
        self.word: bool | Exception = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.users, name)

    def is_due(self, user: Any) -> bool:
        return self.due

    async def recheck(self, user: Any) -> bool:
        assert user.name == NAME
        self.asked += 1
        if isinstance(self.word, Exception):
            raise self.word
        return self.word


@pytest.fixture
def fading(app: Quart) -> Fading:
    """The users of the app, from now on."""
    accounts = app.extensions["accounts"]
    fading = Fading(accounts.users)
    assert isinstance(fading, RecheckedUsers)
    app.extensions["accounts"] = replace(accounts, users=fading)
    return fading


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    said = [json.loads(one.getMessage()) for one in caplog.records if one.name == "audit"]
    return [(one["event"], one["user"]) for one in said]


async def test_who_may_stay_is_asked_for_only_when_it_is_due(
    member: Browser, fading: Fading
) -> None:
    assert await member.is_logged_in()
    assert fading.asked == 1
    fading.due, fading.word = False, False
    assert await member.is_logged_in()
    assert fading.asked == 1


async def test_who_may_not_stay_is_out_everywhere(
    member: Browser,
    browser: Browser,
    bearer: dict[str, str],
    fading: Fading,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    fading.due = False
    await browser.login(remember="y")
    fading.due, fading.word = True, False
    caplog.clear()
    page = await member.get("/protected")
    assert (page.status_code, page.location) == (303, "/?next=/protected")
    assert events(caplog) == [("login withdrawn", NAME)]
    fading.word = True
    assert not await member.is_logged_in()
    assert not await browser.is_logged_in()
    assert (await browser.get("/protected", headers=bearer)).status_code == 401


async def test_token_of_who_may_not_stay_is_none(
    browser: Browser, bearer: dict[str, str], fading: Fading
) -> None:
    assert (await browser.get("/protected", headers=bearer)).status_code == 200
    fading.word = False
    assert (await browser.get("/protected", headers=bearer)).status_code == 401
    fading.word = True
    assert (await browser.get("/protected", headers=bearer)).status_code == 401


async def test_remembered_browser_is_asked_about_when_it_comes_back(
    app: Quart, browser: Browser, fading: Fading
) -> None:
    await browser.login(remember="y")
    assert browser.client.cookie_jar is not None
    with suppress(KeyError):
        browser.client.cookie_jar.clear("localhost.local", "/", app.config["SESSION_COOKIE_NAME"])
    fading.word = False
    assert not await browser.is_logged_in()
    fading.word = True
    assert not await browser.is_logged_in()


async def test_while_nobody_answers_a_due_login_is_refused_and_not_ended(
    serving: Quart, member: Browser, bearer: dict[str, str], fading: Fading
) -> None:
    fading.word = BackendUnavailable("The directory is out of reach.")
    assert (await member.get("/protected")).status_code == 503
    assert (await member.get("/protected", headers=bearer)).status_code == 503
    fading.word = True
    assert await member.is_logged_in()
    assert (await member.get("/protected", headers=bearer)).status_code == 200


async def test_who_logs_out_is_not_asked_about(
    serving: Quart, member: Browser, fading: Fading, caplog: pytest.LogCaptureFixture
) -> None:
    token = await member.token()
    caplog.set_level(logging.INFO)
    caplog.clear()
    fading.word, fading.asked = BackendUnavailable("The directory is out of reach."), 0
    answer = await member.post("/logout", form={"csrf_token": token})
    assert answer.status_code in (200, 303)
    assert (events(caplog), fading.asked) == ([("logout", NAME)], 0)
    fading.word = True
    assert not await member.is_logged_in()


async def test_login_that_is_withdrawn_is_logged_although_the_client_left(
    app: Quart, member: Browser, fading: Fading, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    caplog.clear()
    fading.word = False
    store, ended = app.extensions["accounts"].store, asyncio.Event()
    native = store.end_all

    def end_all(*args: Any, **options: Any) -> None:
        native(*args, **options)
        ended.set()
        await_only(asyncio.sleep(0.2))

    store.end_all = end_all

    async def leave() -> None:
        headers = member.headers
        async with member.client.request("/protected", headers=headers) as connection:
            await connection.send_complete()
            async with asyncio.timeout(20):
                await ended.wait()
            await connection.disconnect()

    await from_outside(leave())
    async with asyncio.timeout(20):
        while not events(caplog):  # noqa: ASYNC110  # another task writes it
            await asyncio.sleep(0.05)
    assert events(caplog) == [("login withdrawn", NAME)]
