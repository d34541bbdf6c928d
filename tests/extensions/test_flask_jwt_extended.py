"""Flask-JWT-Extended: tokens in headers and cookies, claims, users, revocation."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import jsonify
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    current_user,
    get_jwt,
    get_jwt_identity,
    jwt_required,
    set_access_cookies,
    unset_jwt_cookies,
    verify_jwt_in_request,
)

from harness import Browser, Meeting, all_at_once


@pytest.fixture
def jwt(app):
    app.config["JWT_SECRET_KEY"] = "a jwt key that is only for the tests, long"
    manager = JWTManager(app)

    @app.route("/token/<name>")
    def token(name):
        return create_access_token(identity=name, fresh=True, additional_claims={"role": "admin"})

    return manager


async def bearer(browser, name: str = "ann") -> dict[str, str]:
    return {"Authorization": f"Bearer {(await browser.get(f'/token/{name}')).text}"}


async def test_a_view_needs_a_token(app, browser, jwt, view):
    @app.route("/me")
    @jwt_required()
    @view
    def me():
        return jsonify(user=get_jwt_identity())

    reply = await browser.get("/me")
    assert (reply.status, reply.json) == (401, {"msg": "Missing Authorization Header"})
    assert (await browser.get("/me", headers=await bearer(browser))).json == {"user": "ann"}


async def test_a_broken_token_is_refused(app, browser, jwt, view):
    @app.route("/me")
    @jwt_required()
    @view
    def me():
        return "reached"

    assert (await browser.get("/me", headers={"Authorization": "Bearer nonsense"})).status == 422


async def test_an_expired_token_is_refused(app, browser, jwt, view):
    @app.route("/old")
    def old():
        return create_access_token(identity="ann", expires_delta=dt.timedelta(seconds=-1))

    @app.route("/me")
    @jwt_required()
    @view
    def me():
        return "reached"

    headers = {"Authorization": f"Bearer {(await browser.get('/old')).text}"}
    reply = await browser.get("/me", headers=headers)
    assert (reply.status, reply.json) == (401, {"msg": "Token has expired"})


async def test_an_optional_token_is_used_when_there(app, browser, jwt, view):
    @app.route("/me")
    @jwt_required(optional=True)
    @view
    def me():
        return get_jwt_identity() or "nobody"

    assert (await browser.get("/me")).text == "nobody"
    assert (await browser.get("/me", headers=await bearer(browser))).text == "ann"


async def test_claims_are_read(app, browser, jwt, view):
    @app.route("/role")
    @jwt_required()
    @view
    def role():
        return get_jwt()["role"]

    assert (await browser.get("/role", headers=await bearer(browser))).text == "admin"


async def test_a_refresh_token_makes_access_tokens_that_are_not_fresh(app, browser, jwt, view):
    @app.route("/login")
    @view
    def login():
        return create_refresh_token(identity="ann")

    @app.route("/refresh")
    @jwt_required(refresh=True)
    @view
    def refresh():
        return create_access_token(identity=get_jwt_identity(), fresh=False)

    @app.route("/fresh")
    @jwt_required(fresh=True)
    @view
    def fresh():
        return "fresh"

    token = (await browser.get("/login")).text
    reply = await browser.get("/refresh", headers={"Authorization": f"Bearer {token}"})
    stale = await browser.get("/fresh", headers={"Authorization": f"Bearer {reply.text}"})
    assert (stale.status, stale.json) == (401, {"msg": "Fresh token required"})
    assert (await browser.get("/fresh", headers=await bearer(browser))).text == "fresh"


async def test_the_user_is_looked_up(app, browser, jwt, view):
    jwt.user_lookup_loader(lambda header, data: {"name": data["sub"].upper()})

    @app.route("/me")
    @jwt_required()
    @view
    def me():
        return current_user["name"]

    assert (await browser.get("/me", headers=await bearer(browser))).text == "ANN"


async def test_an_async_user_lookup_through_ensure_sync(app, browser, jwt, view):
    import asyncio

    async def load(header, data):
        await asyncio.sleep(0)
        return {"name": data["sub"].upper()}

    jwt.user_lookup_loader(app.ensure_sync(load))

    @app.route("/me")
    @jwt_required()
    @view
    def me():
        return current_user["name"]

    assert (await browser.get("/me", headers=await bearer(browser))).text == "ANN"


async def test_an_unknown_user_is_refused(app, browser, jwt, view):
    jwt.user_lookup_loader(lambda header, data: None)

    @app.route("/me")
    @jwt_required()
    @view
    def me():
        return "reached"

    assert (await browser.get("/me", headers=await bearer(browser))).status == 401


async def test_a_revoked_token_is_refused(app, browser, jwt, view):
    revoked = set()
    jwt.token_in_blocklist_loader(lambda header, data: data["jti"] in revoked)

    @app.route("/me")
    @jwt_required()
    @view
    def me():
        return "in"

    @app.route("/logout", methods=["DELETE"])
    @jwt_required()
    @view
    def logout():
        revoked.add(get_jwt()["jti"])
        return "out"

    headers = await bearer(browser)
    assert (await browser.get("/me", headers=headers)).text == "in"
    await browser.delete("/logout", headers=headers)
    assert (await browser.get("/me", headers=headers)).json == {"msg": "Token has been revoked"}


async def test_own_error_answers(app, browser, jwt, view):
    jwt.unauthorized_loader(lambda reason: (jsonify(error=reason), 418))

    @app.route("/me")
    @jwt_required()
    @view
    def me():
        return "reached"

    reply = await browser.get("/me")
    assert (reply.status, reply.json) == (418, {"error": "Missing Authorization Header"})


async def test_tokens_travel_in_cookies_with_csrf_protection(app, browser, jwt, view):
    app.config["JWT_TOKEN_LOCATION"] = ["cookies"]

    @app.route("/login")
    @view
    def login():
        response = jsonify(ok=True)
        set_access_cookies(response, create_access_token(identity="ann"))
        return response

    @app.route("/logout")
    @view
    def logout():
        response = jsonify(ok=True)
        unset_jwt_cookies(response)
        return response

    @app.route("/me", methods=["GET", "POST"])
    @jwt_required()
    @view
    def me():
        return get_jwt_identity()

    await browser.get("/login")
    assert (await browser.get("/me")).text == "ann"
    assert (await browser.post("/me")).json == {"msg": "Missing CSRF token"}
    headers = {"X-CSRF-TOKEN": browser.cookie("csrf_access_token")}
    assert (await browser.post("/me", headers=headers)).text == "ann"
    await browser.get("/logout")
    assert (await browser.get("/me")).status == 401


async def test_tokens_travel_in_json(app, browser, jwt, view):
    app.config["JWT_TOKEN_LOCATION"] = ["json"]

    @app.route("/me", methods=["POST"])
    @jwt_required()
    @view
    def me():
        return get_jwt_identity()

    token = (await browser.get("/token/ann")).text
    assert (await browser.post("/me", json={"access_token": token})).text == "ann"


async def test_tokens_travel_in_the_query(app, browser, jwt, view):
    app.config["JWT_TOKEN_LOCATION"] = ["query_string"]

    @app.route("/me")
    @jwt_required()
    @view
    def me():
        return get_jwt_identity()

    assert (await browser.get(f"/me?jwt={(await browser.get('/token/ann')).text}")).text == "ann"


async def test_a_hook_verifies_for_all_views(app, browser, jwt, view):
    from flask import request

    @app.before_request
    def verify():
        if request.path.startswith("/inside"):
            verify_jwt_in_request()

    @app.route("/inside")
    @view
    def inside():
        return get_jwt_identity()

    assert (await browser.get("/inside")).status == 401
    assert (await browser.get("/inside", headers=await bearer(browser))).text == "ann"


@pytest.mark.quart
async def test_waiting_views_overlap(app, browser, jwt):
    meeting = Meeting(10)

    @app.route("/me")
    @jwt_required()
    async def me():
        await meeting.join()
        return get_jwt_identity()

    browsers = [Browser(app) for _ in range(10)]
    replies = await all_at_once(browsers, "/me", headers=await bearer(browser))
    assert [reply.text for reply in replies] == ["ann"] * 10


@pytest.mark.quart
async def test_a_websocket_verifies_a_token(app, browser, jwt):
    from quart import websocket

    @app.websocket("/ws")
    async def talk():
        verify_jwt_in_request()
        await websocket.send(get_jwt_identity())

    async with browser.client.websocket("/ws", headers=await bearer(browser)) as connection:
        assert await connection.receive() == "ann"
