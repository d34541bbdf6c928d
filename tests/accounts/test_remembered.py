"""Attacks on remembered logins: theft, lost answers, two tabs, and clocks."""

import asyncio
import json
import logging
from contextlib import suppress
from typing import Any

import pytest
from accounts.records import REMEMBER_GRACE
from browser import NAME, PASSWORD, Browser
from itsdangerous import TimestampSigner
from quart import Quart
from rendered import Clock

DAY = 24 * 60 * 60


@pytest.fixture
async def remembered(app: Quart) -> Browser:
    """A browser that has been closed and opened again, and is to be remembered."""
    browser = Browser(app)
    await browser.login(remember="y")
    close(browser)
    return browser


def close(browser: Browser) -> None:
    """Close the browser, which forgets its session."""
    assert browser.client.cookie_jar is not None
    name = browser.app.config["SESSION_COOKIE_NAME"]
    with suppress(KeyError):
        browser.client.cookie_jar.clear("localhost.local", "/", name)


def copy(browser: Browser) -> Browser:
    """Steal the remember cookie."""
    thief = Browser(browser.app)
    thief.headers["User-Agent"] = "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"
    cookie = browser.cookie("remember")
    assert cookie
    thief.set_cookie("remember", cookie)
    return thief


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(record.getMessage()) for record in caplog.records if record.name == "audit"]


@pytest.mark.form
@pytest.mark.promise(28, asvs="7.2.4, 7.4.1, 7.5.2, 16.3.1")
async def test_stolen_cookie_is_shown_logged_and_ended_when_its_owner_returns(
    remembered: Browser, store: Any, users: Any, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    thief, alice = copy(remembered), await users.find(NAME)
    opened = await thief.get("/protected", scope_base={"client": ("198.51.100.66", 1)})
    assert opened.status_code == 200
    (event,) = [one for one in events(caplog) if one["event"] == "login resumed"]
    assert (event["user"], event["address"]) == (NAME, "198.51.100.66")
    rows = await store.sessions_of(alice.id)
    assert "198.51.100.66" in {row.address for row in rows}
    assert thief.headers["User-Agent"] in {row.user_agent for row in rows}
    clock.advance(REMEMBER_GRACE + 1)
    assert await thief.is_logged_in()
    caplog.clear()
    page = await remembered.text(await remembered.get("/protected", follow_redirects=True))
    assert "used twice" in page
    assert 'name="password"' in page
    assert [(one["event"], one["user"]) for one in events(caplog)] == [
        ("stolen remember token", NAME)
    ]
    assert remembered.cookie("remember") is None
    assert not await thief.is_logged_in()
    close(thief)
    assert not await thief.is_logged_in()
    assert await store.sessions_of(alice.id) == []


@pytest.mark.passwords
async def test_remembered_browser_is_let_in_at_the_address_that_people_bookmark(
    remembered: Browser,
) -> None:
    answer = await remembered.get("/")
    assert (answer.status_code, answer.location) == (303, "/home")
    assert (await remembered.get("/home")).status_code == 200
    close(remembered)
    # What needs a fresh login says so, and leads on to what was asked for.
    page = await remembered.get("/account/password", follow_redirects=True)
    assert "Log in again to continue." in await remembered.text(page)
    answer = await remembered.login(path="/?confirm=1&next=/account/password")
    assert answer.location == "/account/password"


@pytest.mark.form
@pytest.mark.promise(28, asvs="7.4.1")
async def test_thief_who_comes_second_ends_the_login_too(remembered: Browser, clock: Clock) -> None:
    thief = copy(remembered)
    assert await remembered.is_logged_in()
    clock.advance(REMEMBER_GRACE + 1)
    assert not await thief.is_logged_in()
    assert not await remembered.is_logged_in()


@pytest.mark.form
@pytest.mark.promise(28, asvs="7.4.1")
async def test_theft_of_one_browser_ends_no_other_login(
    app: Quart, remembered: Browser, member: Browser, clock: Clock
) -> None:
    other = Browser(app)
    await other.login(remember="y")
    thief = copy(remembered)
    assert await thief.is_logged_in()
    clock.advance(REMEMBER_GRACE + 1)
    assert not await remembered.is_logged_in()
    assert await member.is_logged_in()
    close(other)
    assert await other.is_logged_in()


@pytest.mark.form
@pytest.mark.promise(28, asvs="16.4.1")
async def test_guessed_and_expired_tokens_end_nothing(
    app: Quart, remembered: Browser, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    guesser = Browser(app)
    for guess in ("x" * 43, "", "\u00e9"):
        guesser.set_cookie("remember", guess)
        assert not await guesser.is_logged_in()
    assert events(caplog) == []
    assert await remembered.is_logged_in()
    late = copy(remembered)
    clock.advance(31 * DAY)
    assert not await late.is_logged_in()
    assert "stolen" not in caplog.text


@pytest.mark.form
@pytest.mark.promise(30, asvs="7.2.4")
async def test_lost_answer_loses_no_login(remembered: Browser, clock: Clock) -> None:
    lost = copy(remembered)
    assert await lost.is_logged_in()  # The answer, with the new cookie, does not arrive.
    clock.advance(REMEMBER_GRACE - 5)
    assert await remembered.is_logged_in()
    clock.advance(DAY)
    close(remembered)
    assert await remembered.is_logged_in()


@pytest.mark.form
@pytest.mark.promise(30, asvs="7.2.4")
async def test_two_tabs_at_once_are_both_logged_in(remembered: Browser, clock: Clock) -> None:
    tabs = [copy(remembered) for _ in range(10)]
    answers = await asyncio.gather(*(tab.get("/protected") for tab in tabs))
    assert [answer.status_code for answer in answers] == [200] * 10
    clock.advance(REMEMBER_GRACE + 1)
    assert [await tab.is_logged_in() for tab in tabs] == [True] * 10


@pytest.mark.form
@pytest.mark.promise(30, asvs="7.4.1")
async def test_logout_ends_what_the_grace_has_given_out(remembered: Browser) -> None:
    tabs = [copy(remembered) for _ in range(3)]
    for tab in tabs:
        assert await tab.is_logged_in()
    await tabs[0].submit("/logout")
    for tab in (*tabs[1:], remembered):
        close(tab)
        assert not await tab.is_logged_in()


@pytest.mark.promise(31, asvs="7.3.1")
@pytest.mark.settings(SESSION_IDLE_TIMEOUT="1m")
async def test_who_is_busy_is_not_logged_out_by_a_short_idle_time(
    member: Browser, clock: Clock
) -> None:
    for _ in range(40):
        clock.advance(20)
        assert await member.is_logged_in()
    clock.advance(61)
    assert not await member.is_logged_in()


@pytest.mark.passwords
@pytest.mark.promise(32, asvs="7.4.3")
async def test_api_tokens_end_with_the_password_and_the_page_says_so(
    member: Browser, bearer: dict[str, str]
) -> None:
    program = member.app.test_client()
    assert (await program.get("/protected", headers=bearer)).status_code == 200
    page = await member.text(await member.get("/account/password"))
    assert "ends your API tokens (test)" in page
    new = {"password": "another long one", "confirm": "another long one"}
    assert (await member.submit("/account/password", current=PASSWORD, **new)).status_code == 303
    assert (await program.get("/protected", headers=bearer)).status_code == 401
    assert "API tokens" not in await member.text(await member.get("/account/password"))


@pytest.mark.form
@pytest.mark.promise(37, asvs="3.5.1")
async def test_login_form_of_another_tab_leads_on_after_a_login(app: Quart) -> None:
    browser = Browser(app)
    token = await browser.token()
    form = {"csrf_token": token, "username": NAME, "password": PASSWORD}
    assert (await browser.post("/", form=form)).status_code == 303
    second = await browser.post("/?next=/account/sessions", form=form)
    assert (second.status_code, second.location) == (303, "/account/sessions")
    assert await browser.is_logged_in()
    elsewhere = await browser.post("/", form=form, headers={"Origin": "http://evil.example"})
    assert elsewhere.status_code == 403
    assert (await Browser(app).post("/", form=form)).status_code == 403


@pytest.mark.promise(38, asvs="7.2.1")
async def test_cookie_of_a_node_whose_clock_is_ahead_is_good_here(
    app: Quart, member: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    content = serializer.loads(member.cookie("session"))
    native = TimestampSigner.get_timestamp

    def signed_by_a_clock(ahead: int) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(TimestampSigner, "get_timestamp", lambda self: native(self) + ahead)
            return str(serializer.dumps(content))

    for ahead, good in ((2, True), (20, True), (60, False), (24 * 60 * 60, False)):
        member.set_cookie("session", signed_by_a_clock(ahead))
        assert await member.is_logged_in() is good
