"""What is left in the log of what happened to accounts."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from accounts import BackendUnavailable
from browser import NAME, PASSWORD, Browser, from_outside
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
    browser: Browser, path: str, form: dict[str, str], when: Callable[[], bool]
) -> None:
    """Send a form, and leave as soon as `when` says so."""
    body = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in form.items()).encode()
    headers = {
        **browser.headers,
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": str(len(body)),
        "X-CSRFToken": await browser.token(),
    }

    async def leave() -> None:
        connection = browser.client.request(path, method="POST", headers=headers)
        async with connection:
            await connection.send(body)
            await connection.send_complete()
            async with asyncio.timeout(20):
                while not when():  # noqa: ASYNC110  # each turn of the loop is looked at
                    await asyncio.sleep(0)
            await connection.disconnect()

    await from_outside(leave())


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
    (event,) = events(caplog)
    assert event["user"] == NAME
    assert event["event"] in ("login attempt cut off", "login failed")


@pytest.mark.promise(33, asvs="16.3.1, 16.2.1")
async def test_deed_that_was_done_is_logged_although_the_client_left(
    app: Quart, caplog: pytest.LogCaptureFixture, load: Any
) -> None:
    store = app.extensions["accounts"].store
    started: list[Any] = []
    native = store.start

    def start(*args: Any, **kwargs: Any) -> Any:
        started.append(native(*args, **kwargs))
        return started[-1]

    store.start = start
    form = {"username": NAME, "password": PASSWORD}
    await hang_up(Browser(app), "/", form, lambda: bool(started))
    assert await load(started[0].token)
    assert [event for event, _ in happened(caplog)] in (["login"], ["login cut off"])


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
