"""Flask-CORS: headers for other origins, preflights, errors."""

from __future__ import annotations

import logging

import pytest
from flask_cors import CORS, cross_origin

HERE, THERE = "https://app.example", "https://evil.example"


async def visit(browser, method: str = "GET", path: str = "/", origin: str = HERE, **headers: str):
    return await browser.open(method, path, headers={"Origin": origin, **headers})


async def test_every_origin_is_allowed_by_default(app, browser, view):
    CORS(app)

    @app.route("/")
    @view
    def index():
        return "page"

    reply = await visit(browser)
    assert (reply.text, reply.headers["Access-Control-Allow-Origin"]) == ("page", HERE)


async def test_only_the_listed_origin_is_allowed(app, browser, view):
    CORS(app, origins=[HERE, "https://other.example"])

    @app.route("/")
    @view
    def index():
        return "page"

    reply = await visit(browser)
    assert reply.headers["Access-Control-Allow-Origin"] == HERE
    assert "Origin" in reply.headers["Vary"]
    assert "Access-Control-Allow-Origin" not in (await visit(browser, origin=THERE)).headers


async def test_an_origin_pattern_is_matched(app, browser, view):
    CORS(app, origins=r"https://.*\.example")

    @app.route("/")
    @view
    def index():
        return "page"

    assert (await visit(browser)).headers["Access-Control-Allow-Origin"] == HERE


async def test_a_preflight_is_answered(app, browser, view):
    CORS(app, origins=HERE, methods=["GET", "PUT"], allow_headers=["X-Key"], max_age=60)

    @app.route("/", methods=["PUT"])
    @view
    def index():
        return "page"

    reply = await visit(
        browser,
        "OPTIONS",
        **{"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "X-Key, X-No"},
    )
    assert reply.status == 200
    assert reply.headers["Access-Control-Allow-Methods"] == "GET, PUT"
    assert reply.headers["Access-Control-Allow-Headers"] == "X-Key"
    assert reply.headers["Access-Control-Max-Age"] == "60"


async def test_credentials_and_exposed_headers(app, browser, view):
    CORS(app, origins=HERE, supports_credentials=True, expose_headers=["X-Total"])

    @app.route("/")
    @view
    def index():
        return "page"

    headers = (await visit(browser)).headers
    assert headers["Access-Control-Allow-Credentials"] == "true"
    assert headers["Access-Control-Expose-Headers"] == "X-Total"


async def test_only_some_resources_are_open(app, browser, view):
    CORS(app, resources={r"/api/*": {"origins": HERE}})

    @app.route("/api/items")
    @view
    def items():
        return {"items": []}

    @app.route("/page")
    @view
    def page():
        return "page"

    allowed = await visit(browser, path="/api/items")
    assert allowed.headers["Access-Control-Allow-Origin"] == HERE
    assert "Access-Control-Allow-Origin" not in (await visit(browser, path="/page")).headers


@pytest.mark.quart_async
async def test_one_view_is_opened(app, browser, view):
    @app.route("/open", methods=["GET", "OPTIONS"])
    @cross_origin(origins=HERE)
    @view
    def open_view():
        return "open"

    @app.route("/closed")
    @view
    def closed():
        return "closed"

    reply = await visit(browser, path="/open")
    assert (reply.text, reply.headers["Access-Control-Allow-Origin"]) == ("open", HERE)
    assert "Access-Control-Allow-Origin" not in (await visit(browser, path="/closed")).headers


async def test_an_opened_view_answers_its_preflight(app, browser, view):
    ran = []

    @app.route("/open", methods=["GET", "OPTIONS"])
    @cross_origin(origins=HERE)
    @view
    def open_view():
        ran.append(True)
        return "open"

    reply = await visit(browser, "OPTIONS", "/open", **{"Access-Control-Request-Method": "GET"})
    assert reply.headers["Access-Control-Allow-Origin"] == HERE
    assert ran == []


@pytest.mark.quart_async
async def test_an_opened_view_keeps_its_status_and_headers(app, browser, view):
    @app.route("/open")
    @cross_origin()
    @view
    def open_view():
        return {"id": 1}, 201, {"X-Made": "yes"}

    reply = await visit(browser, path="/open")
    assert (reply.status, reply.json, reply.headers["X-Made"]) == (201, {"id": 1}, "yes")
    assert reply.headers["Access-Control-Allow-Origin"] == HERE


async def test_a_blueprint_is_opened(app, browser, view):
    from flask import Blueprint

    bp = Blueprint("api", "api")
    CORS(bp, origins=HERE)

    @bp.route("/api")
    @view
    def api():
        return "api"

    app.register_blueprint(bp)
    assert (await visit(browser, path="/api")).headers["Access-Control-Allow-Origin"] == HERE


@pytest.mark.parametrize("status", [404, 418])
async def test_http_errors_carry_the_headers(app, browser, view, status):
    from flask import abort

    CORS(app)

    @app.route("/fails")
    @view
    def fails():
        abort(status)

    reply = await visit(browser, path="/fails" if status == 418 else "/nowhere")
    assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (status, HERE)


async def test_an_unhandled_error_carries_the_headers(app, browser, view, caplog):
    caplog.set_level(logging.CRITICAL)
    app.testing = False
    CORS(app)

    @app.route("/")
    @view
    def index():
        return str(1 / 0)

    reply = await visit(browser)
    assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (500, HERE)


async def test_no_origin_no_headers_when_told_so(app, browser, view):
    CORS(app, origins=HERE, always_send=False)

    @app.route("/")
    @view
    def index():
        return "page"

    assert "Access-Control-Allow-Origin" not in (await browser.get("/")).headers


@pytest.mark.quart
async def test_a_stream_of_an_opened_async_view_passes(app, browser):
    @app.route("/")
    @cross_origin()
    async def index():
        async def parts():
            yield "a"
            yield "b"

        return parts()

    reply = await visit(browser)
    assert (reply.text, reply.headers["Access-Control-Allow-Origin"]) == ("ab", HERE)
