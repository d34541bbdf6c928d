"""Codes of an authenticator app, and recovery codes."""

import asyncio
import re
import time

import pytest
from browser import Browser
from entrance import NAME, PASSWORD
from passlib.totp import TOTP
from quart import Quart
from rendered import Clock


def code_of(key: str, ahead: float = 0) -> str:
    return str(TOTP(key).generate(time.time() + ahead).token)


async def set_up(browser: Browser) -> str:
    """Set up an authenticator app; return its key."""
    page = await browser.text(await browser.submit("/tf-setup", setup="authenticator"))
    found = re.search(r"<div>([A-Z2-7 -]{16,})</div>", page)
    state = re.search(r'action="(/tf-setup/[^"]+|/tf-validate)"', page)
    assert found, page
    assert state, page
    key = found[1].replace("-", "").replace(" ", "")
    assert (await browser.submit(state[1], code=code_of(key))).status_code == 302
    return key


async def enter(browser: Browser, code: str, page: str = "/tf-validate") -> int:
    """Log in by the password and enter a code; return the status of the answer."""
    # Whoever opens the login page in between begins anew.
    token = await browser.token()
    form = {"email": NAME, "password": PASSWORD, "csrf_token": token}
    await browser.post("/login", form=form)
    form = {"code": code, "csrf_token": token}
    return (await browser.post(page, form=form)).status_code


async def test_code_is_asked_for_after_the_password(member: Browser, browser: Browser) -> None:
    key = await set_up(member)
    await browser.login()
    assert not await browser.is_logged_in()
    assert await enter(browser, "000000") == 401
    assert not await browser.is_logged_in()
    assert await enter(browser, code_of(key, 30)) == 302
    assert await browser.is_logged_in()


async def test_code_is_good_once(app: Quart, member: Browser, browser: Browser) -> None:
    key = await set_up(member)
    code, thief = code_of(key, 30), Browser(app)
    assert await enter(browser, code) == 302
    assert await enter(thief, code) == 401
    assert not await thief.is_logged_in()


async def test_code_that_two_send_at_once_lets_one_in(app: Quart, member: Browser) -> None:
    code = code_of(await set_up(member), 30)
    both = await asyncio.gather(*(enter(Browser(app), code) for _ in range(2)))
    assert sorted(both) == [302, 401]


async def test_codes_cannot_be_guessed_without_end(
    app: Quart, member: Browser, browser: Browser
) -> None:
    key = await set_up(member)
    # A right password begins anew, and gives no guesses back.
    codes = [await enter(Browser(app), f"{number:06}") for number in range(6)]
    assert codes == [401] * 5 + [429]
    assert await enter(browser, code_of(key, 30)) == 429


async def test_recovery_code_is_good_once(app: Quart, member: Browser, browser: Browser) -> None:
    await set_up(member)
    page = await member.text(await member.submit("/mf-recovery-codes"))
    codes = re.findall(r"\b[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}\b", page)
    assert len(codes) == 5
    assert await enter(browser, codes[0], "/mf-recovery") == 302
    assert await browser.is_logged_in()
    thief = Browser(app)
    assert await enter(thief, codes[0], "/mf-recovery") == 401
    assert not await thief.is_logged_in()


async def test_link_to_the_page_for_codes_logs_nobody_out(member: Browser) -> None:
    assert (await member.get("/tf-validate")).status_code == 302
    assert await member.is_logged_in()


async def test_second_factor_is_set_up_by_a_fresh_login_alone(
    member: Browser, clock: Clock
) -> None:
    clock.ahead = 60 * 60 * 25
    response = await member.submit("/tf-setup", setup="authenticator")
    assert response.status_code in (302, 303)
    assert response.location.startswith(("/verify", "/login"))


@pytest.mark.settings(SECURITY_TWO_FACTOR_REQUIRED=True)
async def test_second_factor_can_be_required(browser: Browser) -> None:
    await browser.login()
    assert not await browser.is_logged_in()
    page = await browser.text(await browser.get("/tf-setup"))
    assert NAME not in page
