"""Flask-Talisman: HTTPS, security headers, nonces."""

from __future__ import annotations

import pytest
from flask import render_template_string, request, session
from flask_talisman import Talisman


async def test_plain_http_is_redirected(app, browser, view):
    Talisman(app)

    @app.route("/page")
    @view
    def page():
        return "page"

    reply = await browser.get("/page")
    assert (reply.status, reply.location) == (302, "https://localhost/page")
    assert (await browser.get("/page", scheme="https")).text == "page"


async def test_a_forwarded_https_request_is_served(app, browser, view):
    Talisman(app)

    @app.route("/page")
    @view
    def page():
        return "page"

    assert (await browser.get("/page", headers={"X-Forwarded-Proto": "https"})).text == "page"


async def test_headers_are_set_on_pages_and_errors(app, browser, view):
    Talisman(app, force_https=False, content_security_policy={"default-src": "'self'"})

    @app.route("/page")
    @view
    def page():
        return "page"

    for path in ("/page", "/nowhere"):
        headers = (await browser.get(path)).headers
        assert headers["Content-Security-Policy"] == "default-src 'self'"
        assert headers["X-Frame-Options"] == "SAMEORIGIN"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"


async def test_transport_security_is_announced_on_https(app, browser, view):
    Talisman(app, strict_transport_security_max_age=99)

    @app.route("/")
    @view
    def index():
        return "page"

    headers = (await browser.get("/", scheme="https")).headers
    assert headers["Strict-Transport-Security"] == "max-age=99; includeSubDomains"


async def test_a_nonce_is_in_the_page_and_in_the_header(app, browser, view):
    policy = {"script-src": "'self'"}
    Talisman(
        app,
        force_https=False,
        content_security_policy=policy,
        content_security_policy_nonce_in=["script-src"],
    )

    @app.route("/")
    @view
    def index():
        return render_template_string("{{ csp_nonce() }}")

    first, second = await browser.get("/"), await browser.get("/")
    assert f"'nonce-{first.text}'" in first.headers["Content-Security-Policy"]
    assert first.text != second.text


@pytest.mark.quart
async def test_a_page_rendered_by_quart_has_a_nonce(app, browser):
    from quart import render_template_string as render

    Talisman(
        app,
        force_https=False,
        content_security_policy={"script-src": "'self'"},
        content_security_policy_nonce_in=["script-src"],
    )

    @app.route("/")
    async def index():
        return await render("{{ csp_nonce() }}")

    reply = await browser.get("/")
    assert f"'nonce-{reply.text}'" in reply.headers["Content-Security-Policy"]


async def test_one_view_has_its_own_policy(app, browser, view):
    talisman = Talisman(app, force_https=False)

    @app.route("/framed")
    @talisman(frame_options="ALLOW-FROM", frame_options_allow_from="https://a.example")
    @view
    def framed():
        return "framed"

    @app.route("/page")
    @view
    def page():
        return "page"

    headers = (await browser.get("/framed")).headers
    assert headers["X-Frame-Options"] == "ALLOW-FROM https://a.example"
    assert (await browser.get("/page")).headers["X-Frame-Options"] == "SAMEORIGIN"


async def test_session_cookies_are_secured(app, browser, view):
    Talisman(app)

    @app.route("/")
    @view
    def index():
        session["user"] = request.path
        return "page"

    cookie = (await browser.get("/", scheme="https")).headers["Set-Cookie"]
    assert "Secure" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


async def test_debug_mode_is_not_redirected(app, browser, view):
    app.debug = True
    Talisman(app)

    @app.route("/")
    @view
    def index():
        return "page"

    assert (await browser.get("/")).text == "page"
