"""Flask-Paginate: links to pages."""

from __future__ import annotations

import pytest
from flask import render_template_string, request
from flask_paginate import Pagination, get_page_args, get_page_parameter


async def test_links_and_a_summary_are_rendered(app, browser, view):
    @app.route("/")
    @view
    def index():
        page = request.args.get(get_page_parameter(), type=int, default=1)
        pagination = Pagination(page=page, total=45, record_name="cats", per_page=10)
        return render_template_string("{{ p.info }}{{ p.links }}", p=pagination)

    page = (await browser.get("/?page=2")).text
    assert "<b>11 - 20</b>" in page
    assert "<b>45</b>" in page
    assert 'href="/?page=3"' in page


@pytest.mark.quart
async def test_links_are_rendered_by_quart(app, browser):
    from quart import render_template_string as render

    @app.route("/")
    async def index():
        return await render("{{ p.links }}", p=Pagination(page=1, total=45))

    assert 'href="/?page=2"' in (await browser.get("/")).text


async def test_page_arguments_are_read(app, browser, view):
    @app.route("/")
    @view
    def index():
        return list(get_page_args())

    assert (await browser.get("/?page=3&per_page=5")).json == [3, 5, 10]


async def test_links_keep_the_path_and_the_other_arguments(app, browser, view):
    @app.route("/cats/<kind>/")
    @view
    def cats(kind):
        return render_template_string("{{ p.links }}", p=Pagination(page=1, total=45))

    page = (await browser.get("/cats/tabby/?colour=red")).text
    assert "/cats/tabby/?colour=red&amp;page=2" in page or "/cats/tabby/?colour=red&page=2" in page


async def test_a_css_framework_is_chosen(app, browser, view):
    @app.route("/")
    @view
    def index():
        pagination = Pagination(page=1, total=45, css_framework="bootstrap5")
        return render_template_string("{{ p.links }}", p=pagination)

    assert 'class="page-item' in (await browser.get("/")).text
