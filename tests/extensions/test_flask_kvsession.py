"""Flask-KVSession: sessions in a key-value store."""

from __future__ import annotations

import flask_kvsession
import pytest
from flask import request, session
from flask_kvsession import KVSessionExtension
from itsdangerous import Signer
from simplekv.memory import DictStore


class TextSigner(Signer):
    """Signs as text: Flask-KVSession makes a cookie of bytes, which Werkzeug 3 refuses."""

    def sign(self, value):
        return super().sign(value).decode()


@pytest.fixture
def store(app, monkeypatch):
    monkeypatch.setattr(flask_kvsession, "Signer", TextSigner)
    monkeypatch.setattr(app, "session_cookie_name", "session", raising=False)  # gone in Flask 2.3
    store = DictStore()
    KVSessionExtension(store, app)
    return store


async def test_a_session_is_kept(app, browser, store, view):
    @app.route("/", methods=["GET", "POST"])
    @view
    def index():
        previous = session.get("method", "None")
        session["method"] = request.method
        return previous

    assert (await browser.get("/")).text == "None"
    assert (await browser.post("/")).text == "GET"
    assert (await browser.get("/")).text == "POST"
    assert len(store.d) == 1


async def test_a_destroyed_session_is_gone(app, browser, store, view):
    @app.route("/fill")
    @view
    def fill():
        session["user"] = "ann"
        return "filled"

    @app.route("/end")
    @view
    def end():
        session.destroy()
        return "ended"

    await browser.get("/fill")
    await browser.get("/end")
    assert store.d == {}


async def test_a_regenerated_session_has_a_new_key(app, browser, store, view):
    @app.route("/fill")
    @view
    def fill():
        session["user"] = "ann"
        return "filled"

    @app.route("/rotate")
    @view
    def rotate():
        session.regenerate()
        return session["user"]

    await browser.get("/fill")
    (old,) = store.d
    assert (await browser.get("/rotate")).text == "ann"
    (new,) = store.d
    assert new != old
