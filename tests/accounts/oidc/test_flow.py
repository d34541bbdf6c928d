"""Between the button and the way back: whose login it is, and where it leads."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from browser import NAME, PASSWORD, Browser
from provider import ISSUER, Provider
from quart import Quart


async def asked(browser: Browser, query: str = "") -> str:
    """Press the button, and return where it leads."""
    sent = await browser.submit(f"/login/company{query}")
    return str(sent.headers["Refresh"].partition("url=")[2])


async def back(browser: Browser, provider: Provider, query: str = "") -> str:
    """Press the button and log in there; return the way back."""
    return provider.visit(await asked(browser, query), NAME, PASSWORD)


@pytest.mark.promise(46, asvs="10.1.2, 10.2.1, 10.5.1")
async def test_each_login_has_a_state_a_nonce_and_a_challenge_of_its_own(browser: Browser) -> None:
    seen = [parse_qs(urlsplit(await asked(browser)).query) for _ in range(3)]
    for name in ("state", "nonce", "code_challenge"):
        assert len({one[name][0] for one in seen}) == 3
        assert all(len(one[name][0]) >= 43 for one in seen)
    assert seen[0]["code_challenge_method"] == ["S256"]
    assert seen[0]["redirect_uri"] == ["http://localhost/login/company/callback"]
    verifier = "code_verifier"
    assert not any(verifier in one for one in seen)


@pytest.mark.promise(46, asvs="10.1.2, 10.2.1")
async def test_answer_is_good_once_and_in_the_browser_that_asked(
    app: Quart, browser: Browser, provider: Provider
) -> None:
    path = await back(browser, provider)
    thief = Browser(app)
    assert (await thief.get(path)).status_code == 401
    await asked(thief)
    assert (await thief.get(path)).status_code == 401
    assert not await thief.is_logged_in()
    assert (await browser.get(path)).status_code == 303
    assert (await browser.get(path)).status_code == 401


@pytest.mark.promise(46, asvs="10.1.2")
async def test_login_that_was_begun_too_long_ago_is_refused(
    browser: Browser, provider: Provider, clock: Any
) -> None:
    path = await back(browser, provider)
    clock.advance(3601)
    assert (await browser.get(path)).status_code == 401


async def test_two_tabs_can_log_in_at_the_same_time(browser: Browser, provider: Provider) -> None:
    first = await back(browser, provider, "?next=/protected")
    second = await back(browser, provider)
    assert (await browser.get(first)).location == "/protected"
    # The first has replaced the session, and with it what the second had begun.
    assert (await browser.get(second)).status_code == 401
    assert await browser.is_logged_in()


async def test_many_begun_logins_fit_into_a_cookie(browser: Browser) -> None:
    for _ in range(10):
        await asked(browser, f"?next=/{'x' * 500}")
    assert len(browser.cookie("session") or "") < 3500


@pytest.mark.promise(47, asvs="10.2.2")
@pytest.mark.settings(
    OIDC_PROVIDERS="company,partner",
    OIDC_PARTNER_ISSUER="https://id.partner.example",
    OIDC_PARTNER_CLIENT_ID="an-app",
)
async def test_answer_of_another_provider_is_refused(browser: Browser, provider: Provider) -> None:
    for wrong in (
        lambda path: path.replace("/company/", "/partner/"),
        lambda path: path.replace("login.example.org", "id.partner.example"),
        lambda path: path.partition("&iss=")[0] + "&code" + path.partition("&code")[2],
    ):
        response = await browser.get(wrong(await back(browser, provider)))
        assert response.status_code == 401
        assert "from another provider" in await browser.text(response)
        assert not await browser.is_logged_in()


@pytest.mark.promise(47, asvs="10.2.2")
async def test_nonsense_for_an_answer_is_refused(browser: Browser, provider: Provider) -> None:
    state = parse_qs(urlsplit(await asked(browser)).query)["state"][0]
    for query in (
        "",
        "?code=x",
        "?state=",
        "?state=%FF%00",
        f"?state={'x' * 5000}",
        f"?state={state}&iss={ISSUER}&code={'%00' * 10}",
        "?error=access_denied",
    ):
        response = await browser.get(f"/login/company/callback{query}")
        assert response.status_code == 401, query
        assert not await browser.is_logged_in()
    assert (await browser.get("/login/nobody/callback")).status_code == 404


@pytest.mark.promise(48, asvs="1.2.1, 16.4.1")
async def test_words_of_the_provider_are_neither_shown_nor_forge_a_line(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    state = parse_qs(urlsplit(await asked(browser)).query)["state"][0]
    words = "error=%3Cscript%3E%0aforged&error_description=%3Cscript%3E"
    response = await browser.get(f"/login/company/callback?state={state}&iss={ISSUER}&{words}")
    page = await browser.text(response)
    assert response.status_code == 401
    assert "Company did not log you in." in page
    assert "&lt;script" not in page
    assert "forged" not in page
    assert "forged" in caplog.text
    assert "\nforged" not in caplog.text


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil", "https://evil.example", "/%0aa b"])
async def test_next_that_leaves_the_site_leads_home(
    target: str, browser: Browser, provider: Provider
) -> None:
    path = await back(browser, provider, f"?next={target}")
    assert (await browser.get(path)).location in ("/home", "/%0aa%20b")


async def test_program_is_told_of_a_failed_login_in_json(browser: Browser) -> None:
    headers = {"Accept": "application/json"}
    answer = await browser.get("/login/company/callback?state=x", headers=headers)
    assert answer.status_code == 401
    assert "not begun in this browser" in (await answer.get_json())["description"]


@pytest.mark.settings(OIDC_DIRECT="yes")
async def test_login_page_is_passed_over_but_for_what_it_says(
    browser: Browser, provider: Provider
) -> None:
    response = await browser.get("/?next=/protected")
    assert response.status_code == 303
    assert response.location.startswith(f"{ISSUER}/authorize?")
    answer = await browser.get(provider.visit(response.location, NAME, PASSWORD))
    assert answer.location == "/protected"
    page = await browser.get("/protected")
    token = (await browser.text(page)).partition('csrf_token" value="')[2].partition('"')[0]
    await browser.post("/logout", form={"csrf_token": token})
    assert "Logged out" in await browser.text(await browser.get("/"))
    assert (await browser.get("/")).status_code == 303


@pytest.mark.settings(LOGIN_LIMIT_PER_ADDRESS="3 per 15 minutes")
async def test_wrong_codes_of_an_address_are_limited(browser: Browser, provider: Provider) -> None:
    codes = []
    for _ in range(5):
        state = parse_qs(urlsplit(await asked(browser)).query)["state"][0]
        path = f"/login/company/callback?state={state}&iss={ISSUER}&code=x"
        codes.append((await browser.get(path)).status_code)
    assert codes == [401, 401, 401, 429, 429]
