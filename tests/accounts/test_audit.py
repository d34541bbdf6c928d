"""What is left in the log of what happened to accounts."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from accounts import BackendUnavailable
from browser import NAME, PASSWORD, Browser, from_outside
from flask_patch import await_only
from quart import Quart

NEW = "another long one"


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Show what the loggers would."""
    caplog.set_level(logging.INFO)


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the lines of the audit log."""
    return [json.loads(record.getMessage()) for record in caplog.records if record.name == "audit"]


def happened(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return what happened to whom."""
    return [(event["event"], event["user"]) for event in events(caplog)]


@pytest.mark.passwords
@pytest.mark.promise(22, asvs="16.2.1, 16.2.2, 16.2.4, 16.2.5, 16.3.1, 16.3.3")
async def test_log_tells_what_happened_to_accounts_and_no_secret(
    app: Quart, browser: Browser, bearer: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    other = Browser(app)
    await other.login(remember="y")
    for _ in range(6):
        await browser.login(password="a wrong password")
    await browser.login("bob", "a wrong password")
    cookies = [other.cookie(kind) for kind in ("session", "remember", "browser")]
    fields = {"password": NEW, "confirm": NEW}
    await other.submit("/account/password", current="wrong", **fields)
    await other.submit("/account/password", current=PASSWORD, **fields)
    await other.submit("/logout")
    await other.login(password=NEW)
    await other.submit("/account/sessions/end")
    assert happened(caplog) == [
        ("login", NAME),
        *[("login failed", NAME)] * 5,
        ("throttled", NAME),
        ("login failed", "bob"),
        ("password change failed", NAME),
        ("password changed", NAME),
        ("logout", NAME),
        ("login", NAME),
        ("all sessions ended", NAME),
    ]
    for event in events(caplog):
        more = {"limit"} if event["event"] == "throttled" else set()
        assert set(event) == {"event", "user", "address", "user_agent"} | more
        assert (event["address"], event["user_agent"]) == ("<local>", "a browser")
    token = bearer["Authorization"].removeprefix("Bearer ")
    for secret in ("a wrong password", PASSWORD, NEW, token, *cookies):
        assert secret
        assert secret not in caplog.text


@pytest.mark.form
@pytest.mark.promise(22, asvs="16.4.1")
async def test_log_line_cannot_be_forged(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    forged = 'mallory\r\n{"event": "login", "user": "alice"}\u2028\x1b[2J'
    browser.headers["User-Agent"] = 'x\u0085\x1b", "event": "login'
    await browser.login(forged)
    (record,) = [record for record in caplog.records if record.name == "audit"]
    assert record.getMessage().isprintable()
    assert json.loads(record.getMessage())["event"] == "login failed"
    assert json.loads(record.getMessage())["user"] == forged


async def hang_up(
    browser: Browser, path: str, form: dict[str, str] | None, when: Callable[[], bool]
) -> None:
    """Send a form, or open a page, and leave as soon as `when` says so."""
    body = urlencode(form or {}).encode()
    headers = browser.headers
    if form is not None:
        headers = {
            **headers,
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": str(len(body)),
            "X-CSRFToken": await browser.token(),
        }

    async def leave() -> None:
        method = "GET" if form is None else "POST"
        connection = browser.client.request(path, method=method, headers=headers)
        async with connection:
            await connection.send(body)
            await connection.send_complete()
            async with asyncio.timeout(20):
                while not when():  # noqa: ASYNC110  # each turn of the loop is looked at
                    await asyncio.sleep(0)
            await connection.disconnect()

    await from_outside(leave())


@pytest.mark.passwords
@pytest.mark.promise(33, asvs="16.3.1, 16.2.1")
@pytest.mark.parametrize("turns", [0, 1, 5, 20, 100])
async def test_who_hangs_up_leaves_a_line_for_each_guess(
    app: Quart, caplog: pytest.LogCaptureFixture, turns: int
) -> None:
    browser, hashed, asked = Browser(app), [], []
    passwords = app.extensions["accounts"].users._passwords
    native = passwords.verify

    async def verify(*args: Any) -> Any:
        asked.append(args)
        found = await native(*args)
        hashed.append(args)
        return found

    passwords.verify = verify
    waited = 0

    def patience_is_over() -> bool:
        nonlocal waited
        waited += bool(asked)
        return waited > turns

    form = {"username": NAME, "password": "wrong"}
    await hang_up(browser, "/", form, patience_is_over)
    assert len(asked) == 1
    assert await settle(caplog) == [("login failed", NAME)]


DEEDS = {
    "login": ("/", {"username": NAME, "password": PASSWORD}, "start"),
    "logout": ("/logout", {}, "end"),
    "session ended": ("/account/sessions/{id}/end", {}, "end"),
    "all sessions ended": ("/account/sessions/end", {}, "end_all"),
    "password changed": (
        "/account/password",
        {"current": PASSWORD, "password": NEW, "confirm": NEW},
        "end_all",
    ),
}


@pytest.mark.promise(33, asvs="16.3.1, 16.2.1")
@pytest.mark.parametrize(
    "deed",
    [
        pytest.param("login", marks=pytest.mark.form),
        *list(DEEDS)[1:-1],
        pytest.param("password changed", marks=pytest.mark.passwords),
    ],
)
async def test_deed_that_was_done_is_logged_once_although_the_client_left(
    app: Quart, caplog: pytest.LogCaptureFixture, store: Any, users: Any, deed: str
) -> None:
    browser = Browser(app)
    path, form, method = DEEDS[deed]
    if deed != "login":
        await browser.login()
    (login,) = await store.sessions_of((await users.find(NAME)).id) or [None]
    done = slow_down(store.part, method)
    caplog.clear()
    await hang_up(browser, path.format(id=login and login.id), form, lambda: bool(done))
    assert await settle(caplog) == [(deed, NAME)]


@pytest.mark.form
@pytest.mark.promise(33, asvs="16.3.1, 16.2.1")
async def test_remembered_login_is_logged_once_although_the_client_left(
    app: Quart, caplog: pytest.LogCaptureFixture, store: Any
) -> None:
    browser, other = Browser(app), Browser(app)
    await browser.login(remember="y")
    other.set_cookie("remember", str(browser.cookie("remember")))
    done = slow_down(store.part, "resume")
    caplog.clear()
    await hang_up(other, "/protected", None, lambda: bool(done))
    assert await settle(caplog) == [("login resumed", NAME)]


@pytest.mark.form
@pytest.mark.promise(33, asvs="16.3.1, 16.2.1")
async def test_right_password_whose_client_left_leaves_a_line(
    app: Quart, caplog: pytest.LogCaptureFixture, store: Any
) -> None:
    found = slow_down(app.extensions["accounts"].users, "authenticate")
    form = {"username": NAME, "password": PASSWORD}
    await hang_up(Browser(app), "/", form, lambda: bool(found))
    assert await settle(caplog) == [("login cut off", NAME)]


def slow_down(part: Any, name: str) -> list[Any]:
    """Let a method wait once it has done its work; return the list of what it returns."""
    done: list[Any] = []
    native = getattr(part, name)

    def work(*args: Any, **kwargs: Any) -> Any:
        done.append(native(*args, **kwargs))
        await_only(asyncio.sleep(0.2))
        return done[-1]

    async def authenticate(*args: Any) -> Any:
        done.append(await native(*args))
        await asyncio.sleep(0.2)
        return done[-1]

    setattr(part, name, authenticate if name == "authenticate" else work)
    return done


async def settle(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return what happened, when no more does."""
    async with asyncio.timeout(10):
        while not happened(caplog):  # noqa: ASYNC110  # another task writes it
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    return happened(caplog)


@pytest.mark.promise(36, asvs="16.2.1")
async def test_log_does_not_tell_of_what_was_not_done(
    member: Browser, store: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise BackendUnavailable("The store of the test does not answer.")

    token = await member.token()
    (login,) = await store.sessions_of(1) or await store.sessions_of(2)
    caplog.clear()
    with monkeypatch.context() as patch:
        for name in ("end", "end_all", "start"):
            patch.setattr(type(store.part), name, fail)
        for path in ("/logout", "/account/sessions/end", f"/account/sessions/{login.id}/end"):
            answer = await member.post(path, form={"csrf_token": token})
            assert answer.status_code == 503
        assert (await Browser(member.app).login()).status_code == 503
    assert happened(caplog) == []
    assert await member.is_logged_in()
    assert (await member.submit("/logout")).status_code == 303
    assert happened(caplog) == [("logout", NAME)]


def test_lines_of_json_carry_the_fields_of_an_event() -> None:
    from accounts.web.logs import EventFormatter

    names = {"levelname": "level", "asctime": "time"}
    formatter = EventFormatter(["asctime", "levelname", "message"], rename_fields=names)
    fields = {"event": "login", "user": "x\r\ny"}
    line = logging.LogRecord("audit", logging.INFO, "", 0, json.dumps(fields), None, None)
    line.fields = fields
    written = json.loads(formatter.format(line))
    assert written["event"] == written["message"] == "login"
    assert written["user"] == "x\r\ny"
    assert "\n" not in formatter.format(line)
    other = logging.LogRecord("x", logging.INFO, "", 0, "text", None, None)
    assert json.loads(formatter.format(other))["message"] == "text"
