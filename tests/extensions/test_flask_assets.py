"""Flask-Assets: bundles of files, built and linked."""

from __future__ import annotations

import pytest
from flask import render_template_string
from flask_assets import Bundle, Environment

PAGE = "{% assets 'all' %}<link href='{{ ASSET_URL }}'>{% endassets %}"


@pytest.fixture
def app(tmp_path):
    from harness import App

    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "a.css").write_text("a { color: red }")
    (tmp_path / "static" / "b.css").write_text("b { color: blue }")
    app = App("assets", static_folder=str(tmp_path / "static"), root_path=str(tmp_path))
    app.testing = True
    return app


@pytest.fixture
def assets(app):
    assets = Environment(app)
    assets.register("all", Bundle("a.css", "b.css", output="gen/all.css"))
    return assets


async def test_a_bundle_is_built_and_linked(app, browser, assets, view, tmp_path):
    @app.route("/")
    @view
    def index():
        return render_template_string(PAGE)

    page = (await browser.get("/")).text
    assert page.startswith("<link href='/static/gen/all.css?")
    built = (tmp_path / "static" / "gen" / "all.css").read_text()
    assert "color: red" in built
    assert "color: blue" in built


@pytest.mark.quart
async def test_a_bundle_is_linked_by_quart(app, browser, assets):
    from quart import render_template_string as render

    @app.route("/")
    async def index():
        return await render(PAGE)

    assert (await browser.get("/")).text.startswith("<link href='/static/gen/all.css?")


async def test_the_link_leads_to_the_file(app, browser, assets, view):
    @app.route("/")
    @view
    def index():
        return render_template_string(PAGE)

    path = (await browser.get("/")).text.split("'")[1]
    assert "color: red" in (await browser.get(path)).text


async def test_debug_links_each_file(app, browser, assets, view):
    assets.debug = True

    @app.route("/")
    @view
    def index():
        return render_template_string(PAGE)

    assert (await browser.get("/")).text == (
        "<link href='/static/a.css'><link href='/static/b.css'>"
    )


async def test_a_view_asks_for_urls(app, browser, assets, view):
    @app.route("/")
    @view
    def index():
        return assets["all"].urls()

    (url,) = (await browser.get("/")).json
    assert url.startswith("/static/gen/all.css?")


async def test_a_blueprints_files_are_found(app, browser, view, tmp_path):
    from flask import Blueprint

    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "cart.css").write_text("cart { color: green }")
    bp = Blueprint("shop", "shop", static_folder=str(tmp_path / "shop"), static_url_path="/s")
    app.register_blueprint(bp)
    assets = Environment(app)
    assets.register("all", Bundle("shop/cart.css", output="all.css"))

    @app.route("/")
    @view
    def index():
        return render_template_string(PAGE)

    await browser.get("/")
    assert "green" in (tmp_path / "static" / "all.css").read_text()


async def test_a_filter_changes_the_files(app, browser, view, tmp_path):
    def shout(source, out, **options):
        out.write(source.read().upper())

    assets = Environment(app)
    assets.register("all", Bundle("a.css", filters=shout, output="loud.css"))

    @app.route("/")
    @view
    def index():
        return render_template_string(PAGE)

    await browser.get("/")
    assert (tmp_path / "static" / "loud.css").read_text() == "A { COLOR: RED }"


def test_a_command_builds_the_bundles(app, assets, tmp_path):
    from flask_assets import assets as command

    result = app.test_cli_runner().invoke(command, ["build"])
    assert result.exit_code == 0, (result.output, result.exception)
    assert (tmp_path / "static" / "gen" / "all.css").is_file()
