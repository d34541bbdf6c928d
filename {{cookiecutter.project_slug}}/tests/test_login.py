"""Logging in and out, as a browser and as a program see it."""

import re

from conftest import NAME, Browser


async def test_login_leads_to_the_protected_page(browser: Browser) -> None:
    response = await browser.login()
    assert (response.status_code, response.location) == (303, "/protected")
    page = await browser.text(await browser.get("/protected"))
    assert f"Logged in as: {NAME}" in page


async def test_wrong_password_is_refused(browser: Browser) -> None:
    response = await browser.login(password="wrong")
    assert response.status_code == 401
    assert "Bad login" in await browser.text(response)
    assert not await browser.is_logged_in()


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


async def test_anonymous_program_is_told(browser: Browser) -> None:
    response = await browser.get("/protected", headers={"Accept": "application/json"})
    assert (response.status_code, await browser.text(response)) == (401, "Unauthorized")


async def test_login_page_sends_people_on_who_are_logged_in(member: Browser) -> None:
    response = await member.get("/")
    assert (response.status_code, response.location) == (303, "/protected")


async def test_password_change_takes_the_new_one_and_no_longer_the_old(
    member: Browser, browser: Browser
) -> None:
    response = await member.submit(
        "/account/password",
        current="correct horse battery",
        password="another long one",
        confirm="another long one",
    )
    assert (response.status_code, response.location) == (303, "/account/sessions")
    assert await member.is_logged_in()
    assert (await browser.login()).status_code == 401
    assert (await browser.login(password="another long one")).status_code == 303


async def test_password_change_needs_the_current_one_and_two_equal_new_ones(
    member: Browser,
) -> None:
    new = {"password": "another long one", "confirm": "another long one"}
    wrong = await member.submit("/account/password", current="wrong", **new)
    assert wrong.status_code == 401
    assert "not your current password" in await member.text(wrong)
    new["confirm"] = "a third"
    differs = await member.submit("/account/password", current="correct horse battery", **new)
    assert differs.status_code == 400
    assert "differ" in await member.text(differs)


async def test_common_password_is_refused(member: Browser) -> None:
    response = await member.submit(
        "/account/password",
        current="correct horse battery",
        password="Password",
        confirm="Password",
    )
    assert response.status_code == 400
    assert "most common" in await member.text(response)


async def test_health_and_readiness_are_public(browser: Browser) -> None:
    for path in ("/healthz", "/readyz"):
        response = await browser.get(path)
        assert (response.status_code, await browser.text(response)) == (200, "ok")


async def test_unknown_page_is_not_found_in_the_form_the_client_reads(browser: Browser) -> None:
    page = await browser.get("/nowhere")
    assert (page.status_code, page.mimetype) == (404, "text/html")
    text = await browser.get("/nowhere", headers={"Accept": "*/*"})
    assert (text.status_code, await browser.text(text)) == (404, "Not Found")
    data = await browser.get("/nowhere", headers={"Accept": "application/json"})
    assert (data.status_code, (await data.get_json())["error"]) == (404, "Not Found")


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
