"""Flask-HTTPAuth: basic, digest and token authentication, roles."""

from __future__ import annotations

import asyncio
import hashlib
import re
from base64 import b64encode

import pytest
from flask import jsonify
from flask_httpauth import HTTPBasicAuth, HTTPDigestAuth, HTTPTokenAuth, MultiAuth

from harness import Browser, Meeting, all_at_once

PASSWORDS = {"ann": "sesame", "bob": "hunter2"}


def basic(name: str, password: str) -> dict[str, dict[str, str]]:
    return {
        "headers": {"Authorization": "Basic " + b64encode(f"{name}:{password}".encode()).decode()}
    }


def bearer(token: str, scheme: str = "Bearer") -> dict[str, dict[str, str]]:
    return {"headers": {"Authorization": f"{scheme} {token}"}}


@pytest.fixture
def auth():
    auth = HTTPBasicAuth()
    auth.verify_password(lambda name, password: name if PASSWORDS.get(name) == password else None)
    auth.get_user_roles(lambda name: ["admin"] if name == "ann" else [])
    return auth


async def test_a_password_opens_a_view(app, browser, auth, view):
    ran = []

    @app.route("/")
    @auth.login_required
    @view
    def index():
        ran.append(True)
        return f"hello {auth.current_user()}"

    assert (await browser.get("/", **basic("ann", "sesame"))).text == "hello ann"
    assert (await browser.get("/", **basic("ann", "wrong"))).status == 401
    reply = await browser.get("/")
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (
        401,
        'Basic realm="Authentication Required"',
    )
    assert len(ran) == 1


async def test_a_role_is_needed(app, browser, auth, view):
    @app.route("/admin")
    @auth.login_required(role="admin")
    @view
    def admin():
        return "admin"

    assert (await browser.get("/admin", **basic("ann", "sesame"))).text == "admin"
    assert (await browser.get("/admin", **basic("bob", "hunter2"))).status == 403


async def test_optional_authentication_lets_strangers_in(app, browser, auth, view):
    @app.route("/")
    @auth.login_required(optional=True)
    @view
    def index():
        return str(auth.current_user())

    assert (await browser.get("/")).text == "None"
    assert (await browser.get("/", **basic("bob", "hunter2"))).text == "bob"


async def test_an_error_handler_answers(app, browser, auth, view):
    @auth.error_handler
    def refuse(status):
        return jsonify(error=status), status

    @app.route("/")
    @auth.login_required
    @view
    def index():
        return "page"

    reply = await browser.get("/")
    assert (reply.status, reply.json) == (401, {"error": 401})


async def test_an_async_verifier_is_awaited(app, browser, view):
    auth = HTTPBasicAuth()

    @auth.verify_password
    async def verify(name, password):
        await asyncio.sleep(0)
        return name if PASSWORDS.get(name) == password else None

    @app.route("/")
    @auth.login_required
    @view
    def index():
        return auth.current_user()

    assert (await browser.get("/", **basic("ann", "sesame"))).text == "ann"
    assert (await browser.get("/", **basic("ann", "wrong"))).status == 401


async def test_a_token_opens_a_view(app, browser, view):
    auth = HTTPTokenAuth(scheme="Bearer")
    auth.verify_token({"t1": "ann"}.get)

    @app.route("/")
    @auth.login_required
    @view
    def index():
        return auth.current_user()

    assert (await browser.get("/", **bearer("t1"))).text == "ann"
    assert (await browser.get("/", **bearer("t2"))).status == 401


async def test_a_token_travels_in_a_header_of_its_own(app, browser, view):
    auth = HTTPTokenAuth(header="X-API-Key")
    auth.verify_token({"t1": "ann"}.get)

    @app.route("/")
    @auth.login_required
    @view
    def index():
        return auth.current_user()

    assert (await browser.get("/", headers={"X-API-Key": "t1"})).text == "ann"
    assert (await browser.get("/")).status == 401


async def test_either_of_two_schemes_opens_a_view(app, browser, auth, view):
    tokens = HTTPTokenAuth(scheme="Bearer")
    tokens.verify_token({"t1": "ann"}.get)
    either = MultiAuth(auth, tokens)

    @app.route("/")
    @either.login_required
    @view
    def index():
        return either.current_user()

    assert (await browser.get("/", **bearer("t1"))).text == "ann"
    assert (await browser.get("/", **basic("bob", "hunter2"))).text == "bob"
    assert (await browser.get("/")).status == 401


async def test_a_digest_opens_a_view(app, browser, view):
    auth = HTTPDigestAuth()
    auth.get_password(PASSWORDS.get)

    @app.route("/")
    @auth.login_required
    @view
    def index():
        return auth.username()

    challenge = (await browser.get("/")).headers["WWW-Authenticate"]
    given = dict(re.findall(r'(\w+)="([^"]*)"', challenge))

    def digest(password):
        def md5(*parts):
            return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()

        a1, a2 = md5("ann", given["realm"], password), md5("GET", "/")
        response = md5(a1, given["nonce"], "00000001", "c", "auth", a2)
        fields = f'username="ann", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="/"'
        return {
            "Authorization": f'Digest {fields}, response="{response}", opaque="{given["opaque"]}", '
            'qop=auth, nc=00000001, cnonce="c"'
        }

    assert (await browser.get("/", headers=digest("sesame"))).text == "ann"
    assert (await browser.get("/", headers=digest("wrong"))).status == 401


@pytest.mark.quart
async def test_waiting_views_overlap(app, auth):
    meeting = Meeting(10)

    @app.route("/")
    @auth.login_required
    async def index():
        await meeting.join()
        return auth.current_user()

    browsers = [Browser(app) for _ in range(10)]
    replies = await all_at_once(browsers, "/", **basic("ann", "sesame"))
    assert [reply.text for reply in replies] == ["ann"] * 10


@pytest.mark.quart
async def test_waiting_verifiers_overlap(app):
    auth = HTTPBasicAuth()
    meeting = Meeting(10)

    @auth.verify_password
    async def verify(name, password):
        await meeting.join()
        return name

    @app.route("/")
    @auth.login_required
    def index():
        return auth.current_user()

    replies = await all_at_once([Browser(app) for _ in range(10)], "/", **basic("ann", "x"))
    assert [reply.text for reply in replies] == ["ann"] * 10
