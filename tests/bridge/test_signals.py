"""Flask's and Quart's signals are one, for sync and async receivers."""

import asyncio

import flask
import flask.signals
import pytest
import quart
from flask_patch import await_only, greenlet_spawn

NAMES = [
    "appcontext_popped",
    "appcontext_pushed",
    "appcontext_tearing_down",
    "before_render_template",
    "message_flashed",
    "request_finished",
    "request_started",
    "request_tearing_down",
    "template_rendered",
]


@pytest.mark.parametrize("module", [flask, quart.signals])
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_receivers_hear_of_a_request(app, text, module, kind):
    heard = []

    def connect(name: str):
        def receive(sender, **extra):
            await_only(asyncio.sleep(0))
            heard.append(name)

        async def async_receive(sender, **extra):
            await asyncio.sleep(0)
            heard.append(name)

        receiver = receive if kind == "sync" else async_receive
        getattr(module, name).connect(receiver, app)
        return receiver

    @app.get("/")
    def index():
        flask.flash("message")
        return flask.render_template_string("text")

    receivers = [connect(name) for name in NAMES]
    assert await text("/") == "text"
    assert sorted(set(heard)) == NAMES
    assert len(receivers) == len(NAMES)


async def test_both_names_know_the_same_receivers(app):
    def receive(sender):
        """Hear nothing."""

    with flask.request_started.connected_to(receive, app):
        assert list(quart.signals.request_started.receivers_for(app)) == [receive]
    assert not list(quart.signals.request_started.receivers_for(app))


async def test_a_signal_of_an_extension_waits_for_async_receivers(app):
    signal = flask.signals.Namespace().signal("something-happened")
    heard = []

    @signal.connect
    async def receive(sender, **extra):
        await asyncio.sleep(0)
        heard.append(extra)

    await greenlet_spawn(signal.send, app, word="hello")
    await signal.send_async(app, word="again")
    assert heard == [{"word": "hello"}, {"word": "again"}]
