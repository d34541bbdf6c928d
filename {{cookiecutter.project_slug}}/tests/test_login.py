"""Logging in and out, as a browser sees it."""

import re

from browser import NAME, Browser


async def test_login_leads_home(browser: Browser) -> None:
    response = await browser.login()
    assert (response.status_code, response.location) == (303, "/home")
    assert f"Welcome, {NAME}" in await browser.text(await browser.get("/home"))


async def test_logout_says_so_and_ends_the_login(member: Browser) -> None:
    response = await member.submit("/logout")
    assert (response.status_code, response.location) == (303, "/")
    assert "Logged out" in await member.text(await member.get("/"))
    assert not await member.is_logged_in()


async def test_anonymous_browser_is_sent_to_the_login_page_and_back(browser: Browser) -> None:
    response = await browser.get("/account/sessions?page=2")
    assert (response.status_code, response.location) == (303, "/?next=/account/sessions?page%3D2")
    response = await browser.login(path=response.location)
    assert response.location == "/account/sessions?page=2"


async def test_login_page_sends_people_on_who_are_logged_in(member: Browser) -> None:
    response = await member.get("/")
    assert (response.status_code, response.location) == (303, "/home")


async def test_devices_are_listed_by_name_and_ended_one_by_one(
    member: Browser, browser: Browser
) -> None:
    browser.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"
    await browser.login()
    page = await member.text(await member.get("/account/sessions"))
    assert "Firefox on Linux" in page
    assert "Unknown device" in page
    other = next(entry for entry in page.split("<li>") if "Firefox on Linux" in entry)
    (path,) = re.findall(r'action="(/account/sessions/\d+/end)"', other)
    assert (await member.submit(path)).status_code == 303
    assert not await browser.is_logged_in()
    assert await member.is_logged_in()
