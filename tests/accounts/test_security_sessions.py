"""Attacks on logins that are there: theft, fixation, replay and cookies."""

import re
from http.cookies import SimpleCookie
from types import ModuleType
from typing import Any

import pytest
from accounts import BackendUnavailable
from accounts.settings import _derived
from accounts.tokens import digest
from browser import NAME, PASSWORD, Browser
from quart import Quart, Response
from rendered import Clock
from visits import KNOWN

DAY = 24 * 60 * 60
NEW = {"current": PASSWORD, "password": "another long one", "confirm": "another long one"}


def copy(browser: Browser) -> Browser:
    """Return another browser with the same cookies."""
    thief = Browser(browser.app)
    for kind in ("session", "remember"):
        value = browser.cookie(kind)
        if value:
            thief.set_cookie(kind, value)
    return thief


def forget_session(browser: Browser) -> None:
    """Close the browser and open it again."""
    assert browser.client.cookie_jar is not None
    name = browser.app.config["SESSION_COOKIE_NAME"]
    browser.client.cookie_jar.clear("localhost.local", "/", name)


def session(browser: Browser) -> dict[str, Any]:
    """Read the session cookie as its holder can."""
    app: Any = browser.app
    serializer = app.session_interface.get_signing_serializer(app)
    content: dict[str, Any] = serializer.loads(browser.cookie("session"))
    return content


@pytest.mark.promise(11, asvs="7.2.2, 7.2.3, 11.5.1")
async def test_cookie_holds_a_random_token_that_the_server_keeps_as_a_hash(
    member: Browser, load: Any
) -> None:
    token = session(member)["_user_id"]
    assert re.fullmatch(r"[\w-]{43}", token)
    other = Browser(member.app)
    await other.login()
    assert session(other)["_user_id"] != token
    user = await load(token)
    assert str(user.id) not in (token, digest(token))
    assert await load(digest(token)) is None


@pytest.mark.promise(11, asvs="7.2.1, 7.4.1")
async def test_stolen_cookie_dies_with_the_logout(member: Browser) -> None:
    thief = copy(member)
    assert await thief.is_logged_in()
    await member.submit("/logout")
    assert not await thief.is_logged_in()


@pytest.mark.passwords
@pytest.mark.promise(11, asvs="7.4.2, 7.4.3, 7.4.5, 7.5.2, 8.3.2")
async def test_stolen_cookie_dies_with_a_password_change_a_disabling_and_a_logout_everywhere(
    app: Quart, users: Any
) -> None:
    async def disable(_: Browser) -> None:
        await users.set_active(NAME, False)

    async def end_all(browser: Browser) -> None:
        assert (await browser.submit("/account/sessions/end")).status_code == 303

    async def change_password(browser: Browser) -> None:
        assert (await browser.submit("/account/password", **NEW)).status_code == 303

    for end in (end_all, change_password, disable):
        browser = Browser(app)
        password = NEW["password"] if end is disable else PASSWORD
        await browser.login(password=password, remember="y")
        thief = copy(browser)
        assert await thief.is_logged_in()
        await end(browser)
        assert not await thief.is_logged_in()
        forget_session(thief)
        assert not await thief.is_logged_in()


@pytest.mark.promise(11, asvs="8.2.2")
async def test_session_of_another_user_cannot_be_ended(
    member: Browser, users: Any, store: Any
) -> None:
    await users.add("mallory", PASSWORD)
    mallory = Browser(member.app)
    await mallory.login("mallory")
    (login,) = await store.sessions_of((await users.find(NAME)).id)
    answer = await mallory.submit(f"/account/sessions/{login.id}/end")
    assert answer.status_code == 303
    assert await member.is_logged_in()
    await member.submit(f"/account/sessions/{login.id}/end")
    assert not await member.is_logged_in()


@pytest.mark.promise(11, asvs="7.3.1, 7.3.2")
async def test_login_ends_unused_and_at_last_in_any_case(member: Browser, clock: Clock) -> None:
    idle = copy(member)
    for _ in range(8):
        assert await member.is_logged_in()
        clock.advance(89 * 60)
    assert await member.is_logged_in()
    clock.advance(10 * 60)
    assert not await member.is_logged_in()
    await idle.login()
    clock.advance(100 * 60)
    assert await idle.is_logged_in()
    clock.advance(121 * 60)
    assert not await idle.is_logged_in()


@pytest.mark.promise(11, asvs="16.5.2, 16.5.3")
async def test_nobody_is_logged_in_while_the_store_is_out_of_reach(
    app: Quart, member: Browser, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise BackendUnavailable("The store of the test does not answer.")

    with monkeypatch.context() as patch:
        for name in ("load", "resume", "start", "token_owner"):
            patch.setattr(type(store.part), name, fail)
        for browser, headers in ((member, {}), (Browser(app), {"Authorization": "Bearer x"})):
            answer = await browser.get("/protected", headers=headers)
            assert answer.status_code == 503
            assert NAME not in await browser.text(answer)
            assert "the test" not in await browser.text(answer)
        assert (await Browser(app).login()).status_code == 503
        assert (await member.get("/healthz")).status_code == 200
    assert await member.is_logged_in()


@pytest.mark.promise(12, asvs="7.2.4")
async def test_login_replaces_what_an_attacker_planted(app: Quart, browser: Browser) -> None:
    attacker = Browser(app)
    token = await attacker.token()
    planted = attacker.cookie("session")
    assert planted
    browser.set_cookie("session", planted)
    await browser.login()
    assert browser.cookie("session") != planted
    assert not await copy(attacker).is_logged_in()
    forged = await browser.post("/logout", form={"csrf_token": token})
    assert forged.status_code == 403
    assert await browser.is_logged_in()


@pytest.mark.promise(12, asvs="7.2.4")
async def test_second_login_ends_the_first(member: Browser) -> None:
    thief = copy(member)
    await member.login()
    assert await member.is_logged_in()
    assert not await thief.is_logged_in()


@pytest.mark.passwords
@pytest.mark.promise(12, asvs="7.2.4")
async def test_password_change_replaces_the_cookie_too(member: Browser) -> None:
    thief, before = copy(member), session(member)["_user_id"]
    await member.submit("/account/password", **NEW)
    assert session(member)["_user_id"] != before
    assert not await thief.is_logged_in()


@pytest.mark.promise(13, asvs="3.5.3, 7.4.1")
async def test_no_link_logs_out(member: Browser) -> None:
    for method in ("GET", "HEAD"):
        answer = await member.client.open("/logout", method=method)
        assert answer.status_code == 405
    assert (await member.post("/logout")).status_code == 403
    assert await member.is_logged_in()


@pytest.mark.promise(13, asvs="7.4.1")
async def test_logout_forgets_the_device_even_when_the_session_is_gone(browser: Browser) -> None:
    await browser.login(remember="y")
    thief = copy(browser)
    forget_session(browser)
    answer = await browser.submit("/logout")
    assert (answer.status_code, answer.location) == (303, "/")
    assert browser.cookie("remember") is None
    forget_session(thief)
    assert not await thief.is_logged_in()


@pytest.mark.passwords
@pytest.mark.promise(14, asvs="7.2.3, 7.5.1")
async def test_remembered_login_is_not_fresh(browser: Browser) -> None:
    await browser.login(remember="y")
    assert (await browser.get("/account/password")).status_code == 200
    forget_session(browser)
    assert await browser.is_logged_in()
    page = await browser.get("/account/password")
    assert (page.status_code, page.location) == (303, "/?confirm=1&next=/account/password")
    assert (await browser.submit("/account/password", **NEW)).status_code == 303
    assert (await browser.login(path=page.location)).location == "/account/password"
    assert (await browser.get("/account/password")).status_code == 200


@pytest.mark.form
@pytest.mark.promise(14, asvs="7.4.1")
async def test_remember_cookie_is_replaced_by_its_use_and_not_for_ever(
    browser: Browser, clock: Clock
) -> None:
    await browser.login(remember="y")
    first = browser.cookie("remember")
    forget_session(browser)
    assert await browser.is_logged_in()
    assert browser.cookie("remember") not in (first, None)
    forget_session(browser)
    late = copy(browser)
    clock.advance(29 * DAY)
    assert await copy(browser).is_logged_in()
    clock.advance(2 * DAY)
    assert not await late.is_logged_in()


@pytest.mark.promise(14, asvs="7.6.2")
async def test_nobody_is_remembered_who_did_not_ask(member: Browser) -> None:
    await member.is_logged_in()
    assert member.cookie("remember") is None


@pytest.mark.promise(14, asvs="2.2.1")
async def test_junk_remember_cookie_stands_in_nobodys_way(
    app: Quart, bearer: dict[str, str]
) -> None:
    name = app.config["REMEMBER_COOKIE_NAME"]
    for junk in ("x|\u00e9", "1|" + "0" * 128, "\u00ff\u0000", "x" * 8000, '"', "quart|secret"):
        browser = Browser(app)
        cookie = {"Cookie": f"{name}={junk}"}
        assert (await browser.get("/protected", headers=cookie)).status_code == 303
        assert (await browser.get("/protected", headers=cookie | bearer)).status_code == 200


@pytest.mark.promise(14, asvs="7.2.4")
async def test_form_of_a_remembered_browser_can_be_sent(browser: Browser, clock: Clock) -> None:
    await browser.login(remember="y")
    clock.advance(3 * 60 * 60)
    assert (await browser.submit("/account/sessions/end")).status_code == 303


class SecureBrowser(Browser):
    """A browser that speaks HTTPS, and notes the cookies that are set."""

    def __init__(self, app: Quart) -> None:
        super().__init__(app)
        self.cookies: list[str] = []

    async def open(self, path: str, **options: Any) -> Response:
        response = await super().open(path, **{"scheme": "https", **options})
        self.cookies += response.headers.getlist("Set-Cookie")
        return response


@pytest.mark.promise(15, asvs="3.3.1, 3.3.2, 3.3.3, 3.3.4, 3.3.5")
async def test_cookies_in_production_are_confined_and_so_are_their_deletions(
    app: Quart, package: ModuleType
) -> None:
    production = _derived(package.__name__, True)
    app.config.update(production)
    browser = SecureBrowser(app)
    await browser.login(remember="y")
    assert await browser.is_logged_in()
    await browser.submit("/logout")
    await browser.get("/")
    assert browser.cookie("remember") is None
    set_cookies = [SimpleCookie(line) for line in browser.cookies]
    kinds = ("session", "remember", *KNOWN)
    names = {f"__Host-{package.__name__}_{kind}" for kind in kinds}
    assert {name for jar in set_cookies for name in jar} == names
    deleted = 0
    for line, jar in zip(browser.cookies, set_cookies, strict=True):
        assert len(line) < 4096
        for cookie in jar.values():
            assert cookie["secure"] is True
            assert cookie["httponly"] is True
            assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Lax", "/", "")
            deleted += cookie["max-age"] == "0"
    assert deleted


@pytest.mark.promise(15, asvs="3.3.2, 3.3.4")
async def test_cookies_in_development_are_confined_as_far_as_http_allows(app: Quart) -> None:
    browser = SecureBrowser(app)
    await browser.login(remember="y")
    assert len(browser.cookies) >= 3
    for line in browser.cookies:
        assert "; HttpOnly; Path=/; SameSite=Lax" in line
        assert "Secure" not in line
