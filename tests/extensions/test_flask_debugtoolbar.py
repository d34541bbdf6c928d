"""Flask-DebugToolbar: the toolbar in pages, its panels, redirects."""

from __future__ import annotations

import pytest
from flask import redirect, render_template_string, session
from flask_debugtoolbar import DebugToolbarExtension
from flask_sqlalchemy import SQLAlchemy

from harness import app_context

pytestmark = pytest.mark.quart_async

PAGE = "<html><head><title>t</title></head><body><p>{{ text }}</p></body></html>"


@pytest.fixture
def toolbar(app):
    app.debug = True
    app.config["DEBUG_TB_ENABLED"] = True
    return DebugToolbarExtension(app)


async def test_the_toolbar_is_put_into_pages(app, browser, toolbar, view):
    @app.route("/")
    @view
    def index():
        return render_template_string(PAGE, text="hello")

    page = (await browser.get("/")).text
    assert "<p>hello</p>" in page
    assert 'id="flDebug"' in page
    assert page.index('id="flDebug"') < page.index("</body>")


@pytest.mark.quart
async def test_the_toolbar_is_put_into_pages_that_quart_renders(app, browser, toolbar):
    from quart import render_template_string as render

    @app.route("/")
    async def index():
        return await render(PAGE, text="hello")

    assert 'id="flDebug"' in (await browser.get("/")).text


async def test_the_length_fits_the_page(app, browser, toolbar, view):
    @app.route("/")
    @view
    def index():
        return render_template_string(PAGE, text="hello")

    reply = await browser.get("/")
    assert int(reply.headers["Content-Length"]) == len(reply.body)


async def test_json_is_left_alone(app, browser, toolbar, view):
    @app.route("/")
    @view
    def index():
        return {"html": "<body></body>"}

    assert (await browser.get("/")).json == {"html": "<body></body>"}


async def test_a_redirect_is_held_up(app, browser, toolbar, view):
    app.config["DEBUG_TB_INTERCEPT_REDIRECTS"] = True

    @app.route("/")
    @view
    def index():
        return redirect("/there")

    reply = await browser.get("/")
    assert reply.status == 200
    assert 'href="/there"' in reply.text


async def test_panels_show_the_request(app, browser, toolbar, view):
    @app.route("/<name>")
    @view
    def index(name):
        session["colour"] = "turquoise"
        return render_template_string(PAGE, text=name)

    page = (await browser.get("/ann?key=value-of-key")).text
    for text in ("turquoise", "value-of-key", "index"):
        assert text in page


async def test_the_template_panel_shows_the_variables(app, browser, toolbar, view):
    @app.route("/")
    @view
    def index():
        return render_template_string(PAGE, text="shown-in-the-panel")

    assert (await browser.get("/")).text.count("shown-in-the-panel") > 1


async def test_the_log_panel_shows_messages(app, browser, toolbar, view):
    @app.route("/")
    @view
    def index():
        app.logger.warning("something odd")
        return render_template_string(PAGE, text="x")

    assert "something odd" in (await browser.get("/")).text


async def test_the_sql_panel_shows_queries(app, browser, view, tmp_path):
    app.debug = True
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/app.db"
    app.config["SQLALCHEMY_RECORD_QUERIES"] = True
    db = SQLAlchemy(app)
    DebugToolbarExtension(app)

    @app.route("/")
    @view
    def index():
        return render_template_string(PAGE, text=db.session.scalar(db.text("SELECT 40 + 2")))

    page = (await browser.get("/")).text
    assert "<p>42</p>" in page
    assert "1 query" in page
    async with app_context(app):
        db.engine.dispose()


async def test_the_toolbar_finds_its_files(app, browser, toolbar):
    assert (await browser.get("/_debug_toolbar/static/css/toolbar.css")).status == 200


async def test_without_debug_there_is_no_toolbar(app, browser, view):
    DebugToolbarExtension(app)

    @app.route("/")
    @view
    def index():
        return render_template_string(PAGE, text="x")

    assert "flDebug" not in (await browser.get("/")).text
