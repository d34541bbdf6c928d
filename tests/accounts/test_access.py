"""Deny by default: the checks of every request, and the owner's test that would miss none."""

import pytest
from accounts import public
from browser import Browser
from quart import Blueprint, Quart, websocket
from walk import answer_to_websocket, find_open


@pytest.mark.promise(18, asvs="8.1.1, 8.2.1, 8.3.1, 4.1.4, 13.4.5")
async def test_no_page_is_open_that_nobody_has_made_public(app: Quart, browser: Browser) -> None:
    assert await find_open(app, browser) == []


async def test_owners_test_finds_whatever_is_open(app: Quart, browser: Browser) -> None:
    add_pages(app)
    app.before_request_funcs[None].clear()
    app.before_websocket_funcs[None].clear()
    found = await find_open(app, browser)
    for page in ("GET /forgotten", "POST /forgotten", "websocket /ws", "GET /part/<x>"):
        assert page in found


@pytest.mark.promise(18, asvs="8.2.1")
async def test_pages_that_forgot_to_ask_for_a_login_ask_all_the_same(
    app: Quart, browser: Browser, member: Browser
) -> None:
    add_pages(app)
    assert await find_open(app, browser) == []
    assert (await browser.get("/forgotten")).status_code == 303
    assert (await member.get("/forgotten")).status_code == 200
    assert await browser.text(await browser.get("/open")) == "for all"
    assert await answer_to_websocket(browser, "/open-ws") == "welcome"


def add_pages(app: Quart) -> None:
    """Add what an owner adds, and forget what an owner forgets."""
    part = Blueprint("part", __name__, url_prefix="/part")

    @app.route("/forgotten", methods=["GET", "POST"])
    async def forgotten() -> str:
        return "for members"

    @part.get("/<x>")
    def page(x: str) -> str:
        return f"for members {x}"

    @app.get("/open")
    @public
    async def opened() -> str:
        return "for all"

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.send("welcome")

    @app.websocket("/open-ws")
    @public
    async def open_ws() -> None:
        await websocket.send("welcome")

    app.register_blueprint(part)


@pytest.mark.promise(18, asvs="8.2.1")
async def test_view_that_is_called_like_the_one_for_files_is_no_file(
    app: Quart, browser: Browser
) -> None:
    @app.get("/called-so")
    async def send_static_file() -> str:
        return "for members"

    assert (await browser.get("/called-so")).status_code == 303


@pytest.mark.passwords
@pytest.mark.promise(18, asvs="8.2.1")
async def test_preflight_is_answered_without_the_view(app: Quart, browser: Browser) -> None:
    add_pages(app)
    asked = {"Access-Control-Request-Method": "POST", "Origin": "http://evil.example"}
    for path in ("/forgotten", "/protected", "/account/password"):
        answer = await browser.open(path, method="OPTIONS", headers=asked)
        assert (answer.status_code, await browser.text(answer)) == (200, "")
        assert (await browser.get(path, headers=asked)).status_code == 303


@pytest.mark.passwords
@pytest.mark.promise(18, asvs="7.5.1")
async def test_page_for_fresh_logins_refuses_others(app: Quart) -> None:
    browser = Browser(app)
    await browser.login(remember="y")
    assert browser.client.cookie_jar is not None
    browser.client.cookie_jar.clear("localhost.local", "/", app.config["SESSION_COOKIE_NAME"])
    page = await browser.get("/account/password")
    assert (page.status_code, page.location) == (303, "/?confirm=1&next=/account/password")
    assert (await browser.get("/protected")).status_code == 200


@pytest.mark.promise(18, asvs="8.2.1, 3.5.1")
async def test_websocket_is_refused_before_it_is_accepted(
    app: Quart, browser: Browser, member: Browser
) -> None:
    add_pages(app)

    async def answer(browser: Browser, path: str = "/ws", **headers: str) -> int | str:
        return await answer_to_websocket(browser, path, **headers)

    name = app.config["REMEMBER_COOKIE_NAME"]
    assert await answer(browser) == 401
    assert await answer(browser, Authorization="Bearer junk") == 401
    assert await answer(browser, Cookie=f"{name}=x|\u00e9") == 401
    for path in ("/ws", "/open-ws"):
        assert await answer(member, path, Origin="http://evil.example") == 403
        assert await answer(member, path, Origin="null") == 403
        assert await answer(member, path, Sec_Fetch_Site="cross-site") == 403
        assert await answer(member, path, Host="evil.example") == 400
    assert await answer(member, Origin="http://localhost") == "welcome"
    assert await answer(member) == "welcome"
