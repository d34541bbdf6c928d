"""A store fails: the login refuses, the rest serves, and all recovers by itself."""

import asyncio
import logging
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from accounts import BackendUnavailable, redis_counters
from accounts.redis_counters import PAUSE, TIMEOUT
from browser import NAME, PASSWORD, Browser
from flask_patch import await_only
from limits.errors import StorageError
from quart import Quart
from redis.asyncio import Redis
from redis.exceptions import RedisError
from visits import Part


@pytest.mark.promise(9, asvs="16.5.2, 16.5.3")
async def test_login_refuses_while_redis_is_gone_and_the_rest_serves(
    config: dict[str, Any], package: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    app: Quart = package.create_app({**config, "RATELIMIT_STORAGE_URI": "redis://localhost:1"})
    async with app.test_app():
        accounts = app.extensions["accounts"]
        user = await Part(app, accounts.users).add(NAME, PASSWORD)
        token = await Part(app, accounts.store).add_token(user.id, "test", 2**31)
        browser = Browser(app)
        for password in ("wrong", PASSWORD):
            answer = await browser.login(password=password)
            assert answer.status_code == 503
            assert "out of reach" in await browser.text(answer)
        assert not await browser.is_logged_in()
        for path in ("/", "/healthz", "/readyz"):
            assert (await browser.get(path)).status_code == 200
        headers = {"Authorization": f"Bearer {token}"}
        assert (await browser.get("/protected", headers=headers)).status_code == 200
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(logged) == 2


async def test_log_names_the_store_that_is_gone_and_no_password(
    config: dict[str, Any], package: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    uri = "redis://u:hidden@localhost:1/2?password=hidden"
    app: Quart = package.create_app({**config, "RATELIMIT_STORAGE_URI": uri})
    async with app.test_app():
        assert (await Browser(app).login()).status_code == 503
        assert (await Browser(app).login()).status_code == 503
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 2
    for line in said:
        assert line.startswith("RATELIMIT_STORAGE_URI=redis://localhost:1/2 does not answer: ")
        assert "hidden" not in line
        assert len(line.splitlines()) == 1


async def test_logins_go_on_when_the_store_is_back(
    app: Quart, member: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttle = app.extensions["accounts"].throttle

    async def fail(*_: Any, **__: Any) -> bool:
        raise StorageError(ConnectionError("gone"))

    browser = Browser(app)
    with monkeypatch.context() as patch:
        patch.setattr(type(throttle._limiter), "hit", fail)
        assert (await browser.login()).status_code == 503
        assert await member.is_logged_in()
        assert (await member.submit("/logout")).status_code == 303
    assert (await browser.login()).status_code == 303


@pytest.fixture
async def redis_server(tmp_path: Path) -> AsyncIterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Redis of the test's own, which it may stop."""
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: ASYNC220
    url = f"redis://127.0.0.1:{port}"
    redis = Redis.from_url(url)
    async with asyncio.timeout(20):
        while True:
            try:
                await redis.ping()
                break
            except (OSError, RedisError):
                await asyncio.sleep(0.05)
    await redis.aclose()
    yield url, server
    server.send_signal(signal.SIGCONT)
    server.kill()
    server.wait()


@pytest.mark.form
@pytest.mark.promise(39, asvs="15.2.2, 16.5.2")
async def test_redis_that_hangs_is_not_waited_for_by_others_nor_again_and_again(
    config: dict[str, Any],
    package: ModuleType,
    redis_server: tuple[str, subprocess.Popen[bytes]],
) -> None:
    url, server = redis_server
    app: Quart = package.create_app({**config, "RATELIMIT_STORAGE_URI": url})
    async with app.test_app():
        await Part(app, app.extensions["accounts"].users).add(NAME, PASSWORD)
        browsers = [Browser(app) for _ in range(24)]
        assert (await browsers[0].login(password="wrong")).status_code == 401
        token = [await browser.token() for browser in browsers]
        server.send_signal(signal.SIGSTOP)
        started = time.monotonic()
        logins = [
            asyncio.create_task(
                browser.post(
                    "/",
                    form={"csrf_token": own, "username": f"user{n}", "password": "wrong"},
                    scope_base={"client": (f"192.0.2.{n}", 1)},
                )
            )
            for n, (browser, own) in enumerate(zip(browsers, token, strict=True))
        ]
        await asyncio.sleep(0.1)
        waited = time.monotonic()
        assert (await Browser(app).get("/static/style.css")).status_code == 200
        assert time.monotonic() - waited < 1
        assert {(await login).status_code for login in logins} == {503}
        assert time.monotonic() - started < 2 * TIMEOUT + 2
        waited = time.monotonic()
        assert (await browsers[0].login()).status_code == 503
        assert time.monotonic() - waited < TIMEOUT
        server.send_signal(signal.SIGCONT)
        await asyncio.sleep(PAUSE)
        assert (await browsers[0].login()).status_code == 303


@pytest.mark.promise(34, asvs="16.5.2, 6.3.1")
async def test_tries_while_redis_hangs_keep_nobody_out_after_it(
    config: dict[str, Any],
    package: ModuleType,
    redis_server: tuple[str, subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, server = redis_server
    monkeypatch.setattr(redis_counters, "PAUSE", 0.3)
    limit = {"LOGIN_LIMIT_PER_ADDRESS": "2 per 15 minutes"}
    app: Quart = package.create_app({**config, **limit, "RATELIMIT_STORAGE_URI": url})
    async with app.test_app():
        await Part(app, app.extensions["accounts"].users).add(NAME, PASSWORD)
        for _ in range(3):
            browser = Browser(app)
            assert (await browser.login()).status_code == 303
            # It is sent the attempt, answers nobody, and counts it when it goes on.
            server.send_signal(signal.SIGSTOP)
            assert (await Browser(app).login()).status_code == 503
            server.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.4)
        assert (await Browser(app).login()).status_code == 303


@pytest.mark.promise(39, asvs="16.5.2")
async def test_redis_that_was_restarted_is_asked_again_at_once(
    config: dict[str, Any],
    package: ModuleType,
    redis_server: tuple[str, subprocess.Popen[bytes]],
) -> None:
    url, _ = redis_server
    app: Quart = package.create_app({**config, "RATELIMIT_STORAGE_URI": url})
    async with app.test_app():
        await Part(app, app.extensions["accounts"].users).add(NAME, PASSWORD)
        browser = Browser(app)
        assert (await browser.login(password="wrong")).status_code == 401
        redis = Redis.from_url(url)
        await redis.script_flush()
        await redis.client_kill_filter(_type="normal", skipme=True)
        await redis.aclose()
        assert (await browser.login()).status_code == 303


@pytest.mark.form
@pytest.mark.promise(35, asvs="16.5.2, 16.5.3")
@pytest.mark.parametrize("kind", ["text/html", "application/json", "*/*"])
async def test_error_page_asks_no_store(
    serving: Quart, member: Browser, store: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    token = await member.token()
    asked = []

    def gone(*_: Any, **__: Any) -> None:
        asked.append(True)
        raise BackendUnavailable("The store of the test does not answer.")

    for name in ("load", "resume", "token_owner"):
        monkeypatch.setattr(type(store.part), name, gone)
    member.headers["Accept"] = kind
    for path, code in (("/nowhere", 404), ("/logout", 405)):
        answer = await member.get(path)
        assert answer.status_code == code
        assert NAME not in await member.text(answer)
    assert asked == []
    for form in ({}, {"csrf_token": "junk"}):
        assert (await member.post("/", form=form)).status_code == 403
    answer = await member.post("/", form={"csrf_token": token})
    assert answer.status_code in (400, 503)
    assert (await member.get("/protected")).status_code == 503


async def test_readiness_is_refused_in_time_while_the_store_hangs(
    serving: Quart, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: Any) -> None:
        await_only(asyncio.sleep(3600))

    monkeypatch.setattr(type(store.part), "ping", hang)
    async with asyncio.timeout(60):
        assert (await Browser(serving).get("/readyz")).status_code == 503
    assert (await Browser(serving).get("/healthz")).status_code == 200


async def test_readiness_does_not_wait_for_what_cannot_be_broken_off(
    serving: Quart, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, ended = asyncio.Event(), asyncio.Event()

    async def connect() -> None:
        while not release.is_set():
            with suppress(asyncio.CancelledError):
                await release.wait()
        ended.set()

    monkeypatch.setattr(type(store.part), "ping", lambda *_: await_only(connect()))
    async with asyncio.timeout(60):
        asking = asyncio.create_task(Browser(serving).get("/readyz"))
        await asyncio.wait({asking}, timeout=30)
        assert not ended.is_set()
        release.set()
        assert asking.done()
        assert (await asking).status_code == 503
        await ended.wait()


@pytest.mark.form
@pytest.mark.promise(34, asvs="16.5.2, 6.3.1")
async def test_tries_during_an_outage_keep_nobody_out_after_it(
    app: Quart, browser: Browser, users: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: Any, **__: Any) -> None:
        raise BackendUnavailable("The users of the test are out of reach.")

    with monkeypatch.context() as patch:
        patch.setattr(type(users.part), "authenticate", gone)
        for _ in range(40):
            assert (await browser.login()).status_code == 503
    assert (await browser.login()).status_code == 303


async def test_login_does_not_fail_because_the_browser_cannot_be_known(
    browser: Browser, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise BackendUnavailable("The store of the test is full.")

    with monkeypatch.context() as patch:
        patch.setattr(type(store.part), "know_browser", gone)
        assert (await browser.login()).status_code == 303
    assert await browser.is_logged_in()
    assert browser.cookie("browser") is None


@pytest.mark.passwords
async def test_password_change_that_has_begun_is_finished_although_the_client_left(
    app: Quart, member: Browser, users: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Browser(app)
    await other.login(remember="y")
    changed = asyncio.Event()
    native = type(users.part).set_password

    async def set_password(*args: Any) -> None:
        await native(*args)
        changed.set()
        await asyncio.sleep(0.2)

    monkeypatch.setattr(type(users.part), "set_password", set_password)
    new = "another long one"
    form = {"csrf_token": await member.token(), "current": PASSWORD, "password": new}
    request = asyncio.create_task(member.post("/account/password", form={**form, "confirm": new}))
    await changed.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    await asyncio.sleep(0.5)
    assert await users.authenticate(NAME, new)
    assert not await other.is_logged_in()
