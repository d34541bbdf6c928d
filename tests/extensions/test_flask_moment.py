"""Flask-Moment: times that the browser formats."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import render_template_string
from flask_moment import Moment

NOON = dt.datetime(2024, 1, 1, 12, 0)


@pytest.fixture
def moment(app):
    return Moment(app)


async def test_the_script_is_included(app, browser, moment, view):
    @app.route("/")
    @view
    def index():
        return render_template_string("{{ moment.include_moment() }}")

    assert "moment-with-locales.min.js" in (await browser.get("/")).text


async def test_a_time_is_rendered(app, browser, moment, view):
    @app.route("/")
    @view
    def index():
        return render_template_string("{{ moment(noon).format('LLL') }}", noon=NOON)

    page = (await browser.get("/")).text
    assert 'data-timestamp="2024-01-01T12:00:00Z"' in page
    assert 'data-format="LLL"' in page


@pytest.mark.quart
async def test_a_time_is_rendered_by_quart(app, browser, moment):
    from quart import render_template_string as render

    @app.route("/")
    async def index():
        return await render("{{ moment(noon).fromNow(refresh=True) }}", noon=NOON)

    assert 'data-function="fromNow"' in (await browser.get("/")).text


async def test_a_time_is_made_in_a_view(app, browser, moment, view):
    @app.route("/")
    @view
    def index():
        return str(moment.create(NOON).calendar())

    assert 'data-function="calendar"' in (await browser.get("/")).text


async def test_a_locale_is_set(app, browser, moment, view):
    @app.route("/")
    @view
    def index():
        return render_template_string("{{ moment.locale('de') }}")

    assert 'moment.locale("de")' in (await browser.get("/")).text


async def test_the_default_format_is_the_apps(app, browser, moment, view):
    app.config["MOMENT_DEFAULT_FORMAT"] = "YYYY"

    @app.route("/")
    @view
    def index():
        return render_template_string("{{ moment.include_moment() }}")

    assert 'moment.defaultFormat = "YYYY"' in (await browser.get("/")).text
