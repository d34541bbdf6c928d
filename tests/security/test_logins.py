"""What every login promises, here by other means: throttle, sessions, requests, JSON, the log."""

import json
import logging
import threading
from http.cookies import SimpleCookie
from types import ModuleType
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from accounts import ConfigError
from browser import Browser
from entrance import NAME, PASSWORD
from people import NEW_PASSWORD
from quart import Quart
from rendered import Clock

JSON = {"Accept": "application/json", "Content-Type": "application/json"}
OFF_SITE = (
    "//e.example",
    r"/\e.example",
    r"\\e.example",
    "/\te.example",
    " //e.example",
    "////e.example",
    "http:///e.example",
    "https://e.example",
    "//app@e.example",
)


async def test_sixth_failure_is_too_many_even_with_the_right_password(browser: Browser) -> None:
    codes = [(await browser.login(password="wrong")).status_code for _ in range(5)]
    assert codes == [401] * 5
    for name in (NAME, NAME.upper(), f" {NAME} "):
        response = await browser.login(name)
        assert response.status_code == 429
        assert int(response.headers["Retry-After"]) > 0


async def test_right_passwords_cost_nothing(app: Quart) -> None:
    for _ in range(7):
        assert (await Browser(app).login()).status_code == 302


async def test_unknown_and_known_accounts_are_refused_alike(browser: Browser) -> None:
    pages = []
    for name, password in ((NAME, "wrong"), ("nobody@example.org", PASSWORD)):
        page = await browser.text(await browser.login(name, password))
        pages.append(
            [line for line in page.splitlines() if "csrf" not in line and name not in line]
        )
    assert pages[0] == pages[1]


async def test_password_that_is_easy_to_guess_is_refused(browser: Browser) -> None:
    for password in ("short", "Password123!"):
        form = {"email": "ann@example.org", "password": password, "password_confirm": password}
        assert (await browser.submit("/register", **form)).status_code == 200


async def test_stolen_cookie_dies_with_the_logout_and_with_a_new_password(
    app: Quart, member: Browser
) -> None:
    thief = Browser(app)
    for leave in ("logout", "change"):
        await member.login()
        thief.set_cookie("session", str(member.cookie("session")))
        assert await thief.is_logged_in()
        if leave == "logout":
            await member.submit("/logout")
        else:
            form = {"password": PASSWORD, "new_password": NEW_PASSWORD}
            await member.submit("/change", **form, new_password_confirm=NEW_PASSWORD)
        assert not await thief.is_logged_in()


async def goes_on(browser: Browser) -> bool:
    """Say whether the protected page opens, and keep the cookie that comes with it."""
    response = await browser.get("/protected")
    # The client goes by the clock of the test, and the cookie's end by the real one.
    cookie = SimpleCookie(response.headers.get("Set-Cookie", ""))
    for one in cookie.values():
        browser.set_cookie("session", one.value)
    return response.status_code == 200


@pytest.mark.settings(SESSION_IDLE_TIMEOUT="10m", SESSION_ABSOLUTE_TIMEOUT="1h")
async def test_login_ends_unused_and_at_last_in_any_case(
    app: Quart, member: Browser, clock: Clock
) -> None:
    stays = []
    for _ in range(7):
        clock.ahead += 9 * 60
        stays.append(await goes_on(member))
    assert stays == [True] * 6 + [False]
    other = Browser(app)
    await other.login()
    other.set_cookie("session", str(other.cookie("session")))
    clock.ahead += 11 * 60
    assert not await goes_on(other)


async def test_remembered_browser_comes_back_and_is_not_fresh(app: Quart, browser: Browser) -> None:
    await browser.login(remember="y")
    remembered = browser.cookie("remember")
    assert remembered
    other = Browser(app)
    other.set_cookie("remember", remembered)
    assert await other.is_logged_in()
    assert (await other.get("/tf-setup")).location.startswith("/verify")
    await browser.submit("/logout")
    third = Browser(app)
    third.set_cookie("remember", remembered)
    assert not await third.is_logged_in()


@pytest.mark.parametrize("target", OFF_SITE)
async def test_login_never_leads_off_the_site(browser: Browser, target: str) -> None:
    page = f"/login?next={target.replace(chr(9), '%09').replace(' ', '%20')}"
    for form in ({}, {"next": target}):
        await browser.submit("/logout")
        response = await browser.submit(page, email=NAME, password=PASSWORD, **form)
        location = response.location or "/"
        assert urlsplit(urljoin("http://localhost/login", location)).netloc == "localhost"
        assert location.lstrip()[:2] not in ("//", "/\\", "\\\\"), location


async def test_form_needs_its_token_and_comes_from_this_site(browser: Browser) -> None:
    form = {"email": NAME, "password": PASSWORD}
    assert (await browser.post("/login", form=form)).status_code == 403
    form["csrf_token"] = await browser.token()
    for headers in ({"Origin": "https://e.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await browser.post("/login", form=form, headers=headers)).status_code == 403
    assert not await browser.is_logged_in()


async def test_no_link_logs_out(member: Browser) -> None:
    assert (await member.get("/logout")).status_code == 405
    assert (await member.post("/logout")).status_code == 403
    assert await member.is_logged_in()


async def test_foreign_host_is_refused(member: Browser) -> None:
    assert (await member.get("/home", headers={"Host": "e.example"})).status_code == 400


async def test_pages_of_passkeys_allow_their_own_scripts_alone(member: Browser) -> None:
    page = await member.submit("/wan-register", name="key", usage="first")
    policy, text = page.headers["Content-Security-Policy"], await member.text(page)
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert len(nonce) >= 16
    assert text.count("<script") == text.count(f'nonce="{nonce}"') == 3
    assert "unsafe" not in policy
    other = await member.get("/wan-register")
    assert nonce not in other.headers["Content-Security-Policy"]


async def log_in_by_json(browser: Browser, path: str = "/login") -> Any:
    form = await (await browser.get("/login", headers=JSON)).get_json()
    headers = {**JSON, "X-CSRF-Token": form["response"]["csrf_token"]}
    body = json.dumps({"email": NAME, "password": PASSWORD})
    return await browser.post(path, data=body, headers=headers)


async def test_program_logs_in_by_json_and_its_token_outlasts_a_logout(
    app: Quart, browser: Browser, member: Browser
) -> None:
    answer = await (await log_in_by_json(browser, "/login?include_auth_token")).get_json()
    token = answer["response"]["user"]["authentication_token"]
    headers = {"Authentication-Token": token, "Accept": "application/json"}
    program = Browser(app)
    await member.submit("/logout")
    assert (await program.get("/protected", headers=headers)).status_code == 200
    forged = {**headers, "Authentication-Token": token[:-2] + "xx"}
    assert (await Browser(app).get("/protected", headers=forged)).status_code == 401
    # A program needs no token of a form; a browser cannot pass for one.
    answer = await program.post("/nowhere", headers=headers)
    assert answer.status_code == 404
    assert (await program.post("/logout", headers=forged)).status_code == 403


async def test_token_in_an_address_or_a_body_opens_nothing(app: Quart, browser: Browser) -> None:
    answer = await (await log_in_by_json(browser, "/login?include_auth_token")).get_json()
    token = answer["response"]["user"]["authentication_token"]
    program, bare = Browser(app), {"Accept": "application/json"}
    assert (await program.get(f"/protected?auth_token={token}", headers=bare)).status_code == 401
    body = json.dumps({"auth_token": token})
    answer = await program.open("/protected", method="GET", data=body, headers=JSON)
    assert answer.status_code == 401


OFFERED = ("REGISTERABLE", "CONFIRMABLE", "RECOVERABLE", "CHANGEABLE", "CHANGE_EMAIL")
FACTORS = ("TWO_FACTOR", "MULTI_FACTOR_RECOVERY_CODES", "WEBAUTHN")


@pytest.mark.settings(**{f"SECURITY_{name}": "false" for name in (*OFFERED, *FACTORS)})
async def test_pages_open_where_nothing_is_offered(browser: Browser) -> None:
    assert (await browser.login()).status_code == 302
    assert (await browser.get("/home")).status_code == 200
    for path in ("/register", "/reset", "/change", "/tf-setup", "/wan-register"):
        assert (await browser.get(path)).status_code == 404


async def test_program_is_told_in_json_what_is_wrong(browser: Browser) -> None:
    form = await (await browser.get("/login", headers=JSON)).get_json()
    headers = {**JSON, "X-CSRF-Token": form["response"]["csrf_token"]}
    body = json.dumps({"email": NAME, "password": "wrong"})
    answer = await browser.post("/login", data=body, headers=headers)
    assert answer.status_code == 400
    assert (await answer.get_json())["response"]["errors"]
    answer = await Browser(browser.app).get("/protected", headers=JSON)
    assert (answer.status_code, answer.mimetype) == (401, "application/json")


@pytest.mark.parametrize(
    "body", ["[]", "1", '"x"', "null", '{"email": 1, "password": []}', "{", "{" * 9999, ""]
)
async def test_odd_json_is_refused_and_no_fault(browser: Browser, body: str) -> None:
    headers = {**JSON, "X-CSRF-Token": await browser.token()}
    for path in ("/login", "/reset", "/register", "/tf-validate", "/wan-signin"):
        answer = await browser.post(path, data=body, headers=headers)
        assert 400 <= answer.status_code < 500 or answer.status_code in (200, 302), path
    assert not await browser.is_logged_in()


@pytest.mark.parametrize("value", ["\0", "é" * 300, "x" * 100_000, "a@b\r\nc", "\U0001f680"])
async def test_odd_values_are_refused_and_no_fault(browser: Browser, value: str) -> None:
    assert (await browser.login(value, value)).status_code in (401, 429)
    for path in ("/reset", "/register", "/confirm"):
        form = {"email": value, "password": value, "password_confirm": value}
        assert (await browser.submit(path, **form)).status_code == 200


async def test_log_tells_what_happened_and_no_secret(
    app: Quart, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "audit")
    browser = Browser(app)
    await browser.login(password="wrong one")
    await browser.login()
    form = {"password": PASSWORD, "new_password": NEW_PASSWORD}
    await browser.submit("/change", **form, new_password_confirm=NEW_PASSWORD)
    await browser.submit("/logout")
    lines = [json.loads(one.message) for one in caplog.records if one.name == "audit"]
    events = [line["event"] for line in lines]
    assert events == ["login failed", "login", "login", "password changed", "logout"]
    assert {line["user"] for line in lines} == {NAME}
    assert not {PASSWORD, NEW_PASSWORD, "wrong one"} & set(caplog.text.split())
    assert PASSWORD not in caplog.text
    assert NEW_PASSWORD not in caplog.text


async def test_password_is_hashed_beside_the_event_loop(
    app: Quart, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, threads = app.extensions["security"].pwd_context._context, []
    verify = context.verify

    def watched(*args: Any, **options: Any) -> bool:
        threads.append(threading.current_thread().name.partition("_")[0])
        return bool(verify(*args, **options))

    monkeypatch.setattr(context, "verify", watched)
    assert (await browser.login()).status_code == 302
    assert threads == ["passwords"]
    async with app.app_context():
        users = app.extensions["security"].datastore
        assert users.find_user(email=NAME).password.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize("name", ["SECRET_KEY", "SECURITY_PASSWORD_SALT", "SECURITY_TOTP_SECRET"])
@pytest.mark.parametrize("value", [None, "short one", "changeme" * 8])
def test_missing_and_short_keys_are_refused_and_not_shown(
    name: str, value: str | None, config: dict[str, Any], package: ModuleType
) -> None:
    with pytest.raises(ConfigError) as refused:
        package.create_app({**config, name: value})
    assert name in refused.value.message
    assert value is None or value not in refused.value.message


def test_production_has_to_know_its_mail_server(
    config: dict[str, Any], package: ModuleType
) -> None:
    production = {"ENVIRONMENT": "production", "TRUSTED_HOSTS": "example.org", "MAIL_SERVER": ""}
    with pytest.raises(ConfigError, match="MAIL_SERVER is not set"):
        package.create_app({**config, **production})


def test_cookies_in_production_are_confined(config: dict[str, Any], package: ModuleType) -> None:
    production = {"ENVIRONMENT": "production", "TRUSTED_HOSTS": "example.org"}
    settings = package.create_app({**config, **production}).config
    for kind in ("SESSION", "REMEMBER"):
        assert settings[f"{kind}_COOKIE_NAME"].startswith("__Host-")
        assert settings[f"{kind}_COOKIE_SECURE"]
        assert settings[f"{kind}_COOKIE_HTTPONLY"]
        assert settings[f"{kind}_COOKIE_SAMESITE"] == "Lax"
    assert settings["SECURITY_TWO_FACTOR_VALIDITY_COOKIE"]["secure"]
