"""Flask-FlatPages: pages from Markdown files."""

from __future__ import annotations

import pytest
from flask import render_template_string
from flask_flatpages import FlatPages


@pytest.fixture
def pages(app, tmp_path):
    (tmp_path / "blog").mkdir()
    (tmp_path / "about.md").write_text("title: About\ntags: [a, b]\n\n# Us\n\nWe are *here*.")
    (tmp_path / "blog" / "first.md").write_text("title: First\n\nHello")
    (tmp_path / "hello.md").write_text("title: Ann\n\nHello {{ page.title }}")
    app.config.update(FLATPAGES_ROOT=str(tmp_path), FLATPAGES_EXTENSION=".md")
    return FlatPages(app)


async def test_a_page_is_shown(app, browser, pages, view):
    @app.route("/<path:path>/")
    @view
    def page(path):
        page = pages.get_or_404(path)
        return render_template_string("<h1>{{ page.title }}</h1>{{ page.html|safe }}", page=page)

    text = (await browser.get("/about/")).text
    assert text.startswith("<h1>About</h1>")
    assert "<em>here</em>" in text
    assert "<h1>First</h1>" in (await browser.get("/blog/first/")).text
    assert (await browser.get("/nothing/")).status == 404


async def test_pages_are_listed(app, browser, pages, view):
    @app.route("/")
    @view
    def index():
        return sorted(page.path for page in pages)

    assert (await browser.get("/")).json == ["about", "blog/first", "hello"]


async def test_metadata_is_read(app, browser, pages, view):
    @app.route("/")
    @view
    def index():
        return pages.get("about")["tags"]

    assert (await browser.get("/")).json == ["a", "b"]


async def test_a_changed_page_is_read_again(app, browser, pages, view, tmp_path):
    app.config["FLATPAGES_AUTO_RELOAD"] = True

    @app.route("/")
    @view
    def index():
        return pages.get("about").meta["title"]

    assert (await browser.get("/")).text == "About"
    (tmp_path / "about.md").write_text("title: New\n\ntext")
    import os

    os.utime(tmp_path / "about.md", (1, 1))
    pages.reload()
    assert (await browser.get("/")).text == "New"


async def test_a_renderer_renders_a_template(app, browser, pages, view):
    from flask_flatpages.utils import pygmented_markdown

    def prerender(text, pages, page):
        return pygmented_markdown(render_template_string(text, page=page), pages)

    app.config["FLATPAGES_HTML_RENDERER"] = prerender

    @app.route("/")
    @view
    def index():
        return pages.get("hello").html

    assert "<p>Hello Ann</p>" in (await browser.get("/")).text


async def test_highlighting_has_its_style_sheet(app, browser, pages, view):
    from flask import Response
    from flask_flatpages import pygments_style_defs

    @app.route("/pygments.css")
    @view
    def css():
        return Response(pygments_style_defs("tango"), mimetype="text/css")

    reply = await browser.get("/pygments.css")
    assert ".codehilite" in reply.text
    assert reply.headers["Content-Type"].startswith("text/css")
