"""Who may see what: every page is in one of these lists, and anonymous users are refused the rest.

Decide for a new page, then add its endpoint here; `PUBLIC` in `security.py` lets anybody in.
"""

import asyncio
from importlib import import_module
from typing import Any

import pytest
from conftest import NAME, PACKAGE, Browser
from quart import Quart, websocket
from quart.testing.connections import WebsocketResponseError

PUBLIC = {"static", "auth.login", "auth.logout", "pages.healthz", "pages.readyz"}
LOGIN = {
    "account.end_session",
    "account.end_sessions",
    "account.sessions",
    "pages.protected",
}
# Not for logins that a remember cookie or a token brought back.
FRESH_LOGIN = {"account.password"}

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


def paths(app: Quart, endpoints: set[str]) -> list[tuple[str, set[str]]]:
    """Return the paths of these endpoints, each with its methods."""
    adapter = app.url_map.bind("localhost")
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint in endpoints:
            values: dict[str, Any] = dict.fromkeys(rule.arguments, 1)
            path = adapter.build(rule.endpoint, values, append_unknown=False)
            found.append((path, set(rule.methods or ())))
    assert len(found) >= len(endpoints)
    return found


@pytest.mark.promise(18, asvs="8.1.1, 8.2.1, 13.4.5")
def test_somebody_decided_for_every_page_who_may_see_it(app: Quart) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == PUBLIC | LOGIN | FRESH_LOGIN
    assert import_module(f"{PACKAGE.__name__}.security").PUBLIC == PUBLIC


@pytest.mark.promise(18, asvs="8.2.1, 8.3.1, 4.1.4")
async def test_anonymous_users_are_refused_with_every_method(app: Quart, browser: Browser) -> None:
    token = {"X-CSRFToken": await browser.token()}
    for path, allowed in paths(app, LOGIN | FRESH_LOGIN):
        for method in METHODS:
            answer = await browser.client.open(path, method=method, headers=token)
            assert answer.status_code == (401 if method in allowed else 405), (method, path)
            assert NAME not in await browser.text(answer)


@pytest.mark.promise(18, asvs="8.2.1")
async def test_public_pages_open_for_everybody(app: Quart, browser: Browser) -> None:
    for path, allowed in paths(app, PUBLIC - {"static"}):
        if "GET" in allowed:
            for method in ("GET", "HEAD", "OPTIONS"):
                assert (await browser.client.open(path, method=method)).status_code == 200


@pytest.mark.promise(18, asvs="8.2.1")
async def test_page_that_forgot_to_ask_for_a_login_asks_all_the_same(
    app: Quart, browser: Browser, member: Browser
) -> None:
    @app.get("/forgotten")
    async def forgotten() -> str:
        return "for members"

    assert (await browser.get("/forgotten")).status_code == 303
    assert (await member.get("/forgotten")).status_code == 200


@pytest.mark.promise(18, asvs="7.5.1")
async def test_page_for_fresh_logins_refuses_others(app: Quart, users: Any) -> None:
    browser = Browser(app)
    await browser.login(remember="y")
    assert browser.client.cookie_jar is not None
    browser.client.cookie_jar.clear("localhost.local", "/", "session")
    for path, _ in paths(app, FRESH_LOGIN):
        assert (await browser.get(path)).status_code == 303
        assert (await browser.get("/protected")).status_code == 200


@pytest.mark.promise(18, asvs="8.2.1, 3.5.1")
async def test_websocket_is_refused_before_it_is_accepted(
    app: Quart, browser: Browser, member: Browser
) -> None:
    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.send("welcome")

    async def answer(browser: Browser, path: str = "/ws", **headers: str) -> int | str:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            async with browser.client.websocket(path, headers=given) as connection:
                return str(await asyncio.wait_for(connection.receive(), 5))
        except WebsocketResponseError as error:
            return error.response.status_code

    assert await answer(browser) == 401
    assert await answer(browser, Authorization="Bearer junk") == 401
    assert await answer(browser, Cookie="remember_token=x|\u00e9") == 401
    assert await answer(member, Origin="http://evil.example") == 403
    assert await answer(member, Origin="null") == 403
    assert await answer(member, Sec_Fetch_Site="cross-site") == 403
    assert await answer(member, Host="evil.example") == 400
    assert await answer(member, Origin="http://localhost") == "welcome"
    assert await answer(member) == "welcome"
