"""Flask-Babel: locales, time zones, formats and translations."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import g, render_template_string, request
from flask_babel import (
    Babel,
    force_locale,
    format_currency,
    format_datetime,
    format_decimal,
    get_locale,
    get_timezone,
    gettext,
    lazy_gettext,
    ngettext,
    refresh,
)

from harness import Browser, Meeting, app_context

GERMAN = """
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\nPlural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "Hello %(name)s"
msgstr "Hallo %(name)s"

msgid "%(num)d apple"
msgid_plural "%(num)d apples"
msgstr[0] "%(num)d Apfel"
msgstr[1] "%(num)d Äpfel"
"""


@pytest.fixture
def babel(app, tmp_path):
    from io import StringIO

    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, read_po(StringIO(GERMAN), locale="de"))
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(tmp_path)
    return Babel(
        app,
        locale_selector=lambda: request.accept_languages.best_match(["en", "de"]),
        timezone_selector=lambda: request.args.get("tz", "UTC"),
    )


IN_GERMAN = {"headers": {"Accept-Language": "de"}}


async def test_the_selector_reads_the_request(app, browser, babel, view):
    @app.route("/")
    @view
    def index():
        return str(get_locale())

    assert (await browser.get("/", headers={"Accept-Language": "en"})).text == "en"
    assert (await browser.get("/", **IN_GERMAN)).text == "de"


async def test_messages_are_translated(app, browser, babel, view):
    @app.route("/")
    @view
    def index():
        return gettext("Hello %(name)s", name="Ann")

    assert (await browser.get("/", headers={"Accept-Language": "en"})).text == "Hello Ann"
    assert (await browser.get("/", **IN_GERMAN)).text == "Hallo Ann"


async def test_plurals_are_translated(app, browser, babel, view):
    @app.route("/<int:n>")
    @view
    def apples(n):
        return ngettext("%(num)d apple", "%(num)d apples", n)

    assert (await browser.get("/1", **IN_GERMAN)).text == "1 Apfel"
    assert (await browser.get("/2", **IN_GERMAN)).text == "2 Äpfel"


async def test_lazy_messages_wait_for_the_request(app, browser, babel, view):
    greeting = lazy_gettext("Hello %(name)s", name="Ann")

    @app.route("/")
    @view
    def index():
        return str(greeting)

    assert (await browser.get("/", headers={"Accept-Language": "en"})).text == "Hello Ann"
    assert (await browser.get("/", **IN_GERMAN)).text == "Hallo Ann"


async def test_templates_translate_and_format(app, browser, babel, view):
    @app.route("/")
    @view
    def index():
        return render_template_string(
            "{{ _('Hello %(name)s', name='Ann') }} {{ 1234.5|numberformat }} {{ day|dateformat }}",
            day=dt.date(2024, 12, 24),
        )

    assert (await browser.get("/", **IN_GERMAN)).text == "Hallo Ann 1.234,5 24.12.2024"


@pytest.mark.quart
async def test_templates_rendered_by_quart_translate(app, browser, babel):
    from quart import render_template_string as render

    @app.route("/")
    async def index():
        return await render("{% trans name='Ann' %}Hello {{ name }}{% endtrans %}")

    assert (await browser.get("/", **IN_GERMAN)).text == "Hallo Ann"


async def test_numbers_and_money_are_formatted(app, browser, babel, view):
    @app.route("/")
    @view
    def index():
        return f"{format_decimal(1234.5)} {format_currency(9.5, 'EUR')}".replace("\xa0", " ")

    assert (await browser.get("/", headers={"Accept-Language": "en"})).text == "1,234.5 €9.50"
    assert (await browser.get("/", **IN_GERMAN)).text == "1.234,5 9,50 €"


async def test_times_are_told_in_the_visitors_zone(app, browser, babel, view):
    moment = dt.datetime(2024, 1, 1, 12, 0)

    @app.route("/")
    @view
    def index():
        return f"{get_timezone()} {format_datetime(moment, 'HH:mm')}"

    assert (await browser.get("/")).text == "UTC 12:00"
    assert (await browser.get("/?tz=Asia/Tokyo")).text == "Asia/Tokyo 21:00"


async def test_a_locale_is_forced_for_a_block(app, browser, babel, view):
    @app.route("/")
    @view
    def index():
        with force_locale("de"):
            inside = str(get_locale())
        return f"{inside} {get_locale()}"

    assert (await browser.get("/", headers={"Accept-Language": "en"})).text == "de en"


async def test_refresh_selects_again(app, browser, view):
    Babel(app, locale_selector=lambda: g.get("locale", "en"))

    @app.route("/")
    @view
    def index():
        before = str(get_locale())
        g.locale = "fr"
        refresh()
        return f"{before} {get_locale()}"

    assert (await browser.get("/")).text == "en fr"


async def test_the_default_holds_outside_a_request(app):
    Babel(app, default_locale="it")
    async with app_context(app):
        assert str(get_locale()) == "it"


@pytest.mark.quart
async def test_locales_of_waiting_requests_stay_apart(app, babel):
    meeting = Meeting(6)

    @app.route("/")
    async def index():
        before = str(get_locale())
        await meeting.join()
        return f"{before} {get_locale()} {gettext('Hello %(name)s', name='Ann')}"

    languages = ["de", "en"] * 3
    replies = await asyncio.gather(
        *(Browser(app).get("/", headers={"Accept-Language": each}) for each in languages)
    )
    assert [reply.text for reply in replies] == ["de de Hallo Ann", "en en Hello Ann"] * 3


@pytest.mark.quart
async def test_a_websocket_has_a_locale(app, browser, babel):
    from quart import websocket

    @app.websocket("/ws")
    async def talk():
        await websocket.send(gettext("Hello %(name)s", name="Ann"))

    async with browser.client.websocket("/ws", **IN_GERMAN) as connection:
        assert await connection.receive() == "Hallo Ann"
