"""Sync code renders in Quart's async Jinja environment."""

import asyncio

import flask
import jinja2
import pytest
import quart
from flask_patch import await_only, greenlet_spawn
from jinja2.ext import Extension

PAGES = {
    "page.html": "{{ word }} {{ later() }} {% include 'part.html' %}",
    "part.html": "part",
    "macros.html": "{% macro greet(name) %}hello {{ name }}{{ caller() if caller }}{% endmacro %}",
    "importing.html": "{% import 'macros.html' as m %}{{ m.greet('ann') }}",
    "calling.html": "{% from 'macros.html' import greet %}{% call greet('ann') %}!{% endcall %}",
}


class ShoutExtension(Extension):
    """A tag whose sync method calls its body, as tags of extensions do."""

    tags = {"shout"}  # noqa: RUF012  (Jinja's way)

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endshout"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_shout"), [], [], body).set_lineno(line)

    def _shout(self, caller):
        return caller().upper()


@pytest.fixture
def app(app):
    async def later() -> str:
        await asyncio.sleep(0)
        return "later"

    app.jinja_loader = jinja2.DictLoader(PAGES)
    app.jinja_env.add_extension(ShoutExtension)
    app.jinja_env.globals["later"] = later
    return app


async def test_flasks_functions_render_for_sync_and_for_async_code(app, text):
    @app.get("/sync")
    def sync():
        page = flask.render_template("page.html", word="a")
        return page + flask.render_template_string(" {{ word }}", word="b")

    @app.get("/async")
    async def asynchronous():
        page = await flask.render_template("page.html", word="a")
        return page + await quart.render_template_string(" {{ word }}", word="b")

    assert await text("/sync") == await text("/async") == "a later part b"


async def test_an_async_view_may_return_an_unawaited_rendering(app, text):
    @app.get("/")
    async def index():
        return flask.render_template("part.html"), 201

    assert await text("/") == "part"


async def test_templates_are_streamed_to_either(app, text):
    @app.get("/sync")
    def sync():
        return flask.stream_template("page.html", word="a")

    @app.get("/async")
    async def asynchronous():
        return await quart.stream_template_string("{{ later() }} {{ request.path }}")

    assert await text("/sync") == "a later part"
    assert await text("/async") == "later /async"


async def test_template_objects_render_for_sync_code(app):
    template = app.jinja_env.get_template("page.html")

    def render() -> list[str]:
        return [template.render(word="a"), "".join(template.generate(word="a"))]

    async with app.app_context():
        assert await greenlet_spawn(render) == ["a later part"] * 2
        assert await template.render_async(word="a") == "a later part"


async def test_macros_are_called_by_sync_and_by_async_code(app):
    def greet() -> list[str]:
        template = app.jinja_env.get_template("macros.html")
        return [
            flask.get_template_attribute("macros.html", "greet")("ann"),
            template.module.greet("ann"),
            template.make_module().greet("ann"),
        ]

    async with app.app_context():
        assert await greenlet_spawn(greet) == ["hello ann"] * 3
        assert await flask.get_template_attribute("macros.html", "greet")("ann") == "hello ann"


async def test_macros_are_called_by_templates_as_ever(app):
    async with app.app_context():
        assert await quart.render_template("importing.html") == "hello ann"
        assert await quart.render_template("calling.html") == "hello ann!"


async def test_the_tag_of_an_extension_calls_its_body(app, text):
    source = "{% shout %}now or {{ later() }}{% endshout %}"

    @app.get("/sync")
    def sync():
        return flask.render_template_string(source)

    @app.get("/async")
    async def asynchronous():
        return await quart.render_template_string(source)

    assert await text("/sync") == await text("/async") == "NOW OR LATER"


async def test_a_sync_function_called_by_a_template_may_wait(app, text):
    app.jinja_env.globals["wait"] = lambda: await_only(asyncio.sleep(0, "waited"))

    @app.get("/")
    async def index():
        return await quart.render_template_string("{{ wait() }}")

    assert await text("/") == "waited"


async def test_messages_are_flashed_by_either_and_shown(app, client):
    @app.get("/sync")
    def sync():
        flask.flash("from sync")
        return ""

    @app.get("/async")
    async def asynchronous():
        await quart.flash("from async", "warning")
        return ""

    @app.get("/show")
    def show():
        return flask.render_template_string(
            "{{ get_flashed_messages(with_categories=true)|join(' ') }} "
        ) + str(flask.get_flashed_messages())

    await client.get("/sync")
    await client.get("/async")
    body = await (await client.get("/show")).get_data(as_text=True)
    assert "from sync" in body
    assert "warning" in body
    assert body.endswith("['from sync', 'from async']")


def test_templates_render_without_any_event_loop(app):
    with app.app_context():
        assert flask.render_template("page.html", word="a") == "a later part"


async def test_sync_code_gets_a_stream_as_an_iterator_of_strings(app, text):
    source = "{% for n in range(3) %}{{ n }}{% endfor %} {{ request.path }}"

    @app.get("/join")
    def join():
        pieces = list(flask.stream_template_string(source))
        assert all(isinstance(piece, str) for piece in pieces)
        return "".join(pieces)

    @app.get("/flask")
    def flasks():
        return flask.Response(flask.stream_template_string(source))

    @app.get("/quart")
    def quarts():
        return quart.Response(flask.stream_template("page.html", word="a"))

    @app.get("/plain")
    def plain():
        return flask.stream_template_string(source)

    @app.get("/async")
    async def asynchronous():
        return await quart.stream_template_string(source)

    assert await text("/join") == "012 /join"
    assert await text("/flask") == "012 /flask"
    assert await text("/quart") == "a later part"
    assert await text("/plain") == "012 /plain"
    assert await text("/async") == "012 /async"


def test_a_stream_is_rendered_without_any_event_loop(app):
    with app.app_context():
        assert "".join(flask.stream_template("page.html", word="a")) == "a later part"
