"""Flask-SeaSurf: CSRF protection by cookie."""

from __future__ import annotations

import pytest
from flask import render_template_string, request
from flask_seasurf import SeaSurf


@pytest.fixture
def seasurf(app):
    app.config["CSRF_DISABLE"] = False
    return SeaSurf(app)


@pytest.fixture
def save(app, seasurf, view):
    @app.route("/save", methods=["GET", "POST"])
    @view
    def save():
        if request.method == "GET":
            return render_template_string("{{ csrf_token() }}")
        return f"saved {request.form.get('text')}"

    return save


async def test_a_post_needs_its_token(browser, save):
    token = (await browser.get("/save")).text
    assert browser.cookie("_csrf_token") == token
    assert (await browser.post("/save", form={"text": "a"})).status == 403
    assert (await browser.post("/save", form={"text": "a", "_csrf_token": "x"})).status == 403
    reply = await browser.post("/save", form={"text": "a", "_csrf_token": token})
    assert reply.text == "saved a"


async def test_the_token_travels_in_a_header(browser, save):
    token = (await browser.get("/save")).text
    assert (await browser.post("/save", headers={"X-CSRFToken": token})).text == "saved None"


async def test_json_carries_the_token_in_a_header(app, browser, seasurf, view):
    @app.route("/json", methods=["GET", "POST"])
    @view
    def endpoint():
        return request.get_json() if request.method == "POST" else ""

    await browser.get("/json")
    headers = {"X-CSRFToken": browser.cookie("_csrf_token")}
    assert (await browser.post("/json", json={"a": 1})).status == 403
    assert (await browser.post("/json", json={"a": 1}, headers=headers)).json == {"a": 1}


async def test_a_foreign_referrer_is_refused_on_https(browser, save):
    token = (await browser.get("/save", scheme="https")).text

    async def post(referrer):
        headers = {"X-CSRFToken": token, "Referer": referrer}
        return (await browser.post("/save", scheme="https", headers=headers)).status

    assert await post("https://localhost/save") == 200
    assert await post("https://evil.example/") == 403


async def test_a_view_is_exempt(app, browser, seasurf, view):
    @seasurf.exempt
    @app.route("/hook", methods=["POST"])
    @view
    def hook():
        return "reached"

    assert (await browser.post("/hook")).text == "reached"


async def test_urls_are_exempt(app, browser, seasurf, view):
    seasurf.exempt_urls(("/api",))

    @app.route("/api/hook", methods=["POST"])
    @view
    def hook():
        return "reached"

    assert (await browser.post("/api/hook")).text == "reached"


async def test_validation_is_skipped_by_a_function(app, browser, seasurf, view):
    seasurf.skip_validation(lambda request: request.path == "/skipped")

    @app.route("/skipped", methods=["POST"])
    @view
    def skipped():
        return "reached"

    assert (await browser.post("/skipped")).text == "reached"


async def test_only_included_views_are_checked(app, browser, view):
    app.config.update(CSRF_DISABLE=False, SEASURF_INCLUDE_OR_EXEMPT_VIEWS="include")
    seasurf = SeaSurf(app)

    @seasurf.include
    @app.route("/checked", methods=["POST"])
    @view
    def checked():
        return "reached"

    @app.route("/open", methods=["POST"])
    @view
    def open_view():
        return "reached"

    assert (await browser.post("/checked")).status == 403
    assert (await browser.post("/open")).text == "reached"
