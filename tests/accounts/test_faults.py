"""The store of the throttle fails: the login refuses, the rest serves, and all recovers."""

import logging
from types import ModuleType
from typing import Any

import pytest
from browser import NAME, PASSWORD, Browser
from limits.errors import StorageError
from quart import Quart
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
