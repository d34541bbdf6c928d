"""Flask-Session: sessions kept in Redis, on disk and in a database."""

from __future__ import annotations

import asyncio

import pytest
import redis
from cachelib import FileSystemCache
from flask import session
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy

from harness import Browser, Meeting, app_context


@pytest.fixture
def store(redis_url):
    with redis.Redis.from_url(redis_url) as store:
        yield store


@pytest.fixture(params=["redis", "cachelib", "sqlalchemy"])
async def kept(request, app, store, prefix, tmp_path):
    """The app with its sessions kept in each kind of store."""
    app.config.update(SESSION_TYPE=request.param, SESSION_KEY_PREFIX=prefix, SESSION_REDIS=store)
    app.config["SESSION_CACHELIB"] = FileSystemCache(str(tmp_path / "sessions"))
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/sessions.db"
    if request.param == "sqlalchemy":
        app.config["SESSION_SQLALCHEMY"] = db = SQLAlchemy(app)
    async with app_context(app):
        Session(app)
    yield app
    if request.param == "sqlalchemy":
        async with app_context(app):
            db.engine.dispose()


@pytest.fixture
def in_redis(app, store, prefix):
    app.config.update(SESSION_TYPE="redis", SESSION_KEY_PREFIX=prefix, SESSION_REDIS=store)
    Session(app)
    return app


async def test_a_session_is_kept(kept, browser, view):
    @kept.route("/count")
    @view
    def count():
        session["count"] = session.get("count", 0) + 1
        return str(session["count"])

    assert [(await browser.get("/count")).text for _ in range(3)] == ["1", "2", "3"]
    assert (await Browser(kept).get("/count")).text == "1"


async def test_a_cleared_session_is_gone(kept, browser, view):
    @kept.route("/fill")
    @view
    def fill():
        session["basket"] = ["tea", {"milk": True}]
        return "filled"

    @kept.route("/empty")
    @view
    def empty():
        session.clear()
        return "emptied"

    @kept.route("/show")
    @view
    def show():
        return str(session.get("basket"))

    await browser.get("/fill")
    assert (await browser.get("/show")).text == "['tea', {'milk': True}]"
    await browser.get("/empty")
    assert (await browser.get("/show")).text == "None"


async def test_the_cookie_holds_only_an_id(in_redis, browser, store, prefix, view):
    @in_redis.route("/fill")
    @view
    def fill():
        session["secret"] = "hidden"
        return session.sid

    sid = (await browser.get("/fill")).text
    assert browser.cookie("session") == sid
    assert b"hidden" in store.get(prefix + sid)


async def test_an_invented_id_is_an_empty_session(in_redis, browser, view):
    @in_redis.route("/")
    @view
    def index():
        return str(dict(session))

    browser.set_cookie("session", "invented")
    assert "user" not in (await browser.get("/")).text


async def test_a_new_id_replaces_the_old_one(in_redis, browser, store, prefix, view):
    @in_redis.route("/fill")
    @view
    def fill():
        session["user"] = "ann"
        return session.sid

    @in_redis.route("/rotate")
    @view
    def rotate():
        in_redis.session_interface.regenerate(session)
        return session.sid

    old = (await browser.get("/fill")).text
    new = (await browser.get("/rotate")).text
    assert new != old
    assert store.get(prefix + old) is None
    assert b"ann" in store.get(prefix + new)


async def test_flash_messages_are_kept(in_redis, browser, view):
    from flask import flash, get_flashed_messages

    @in_redis.route("/say")
    @view
    def say():
        flash("saved")
        return "said"

    @in_redis.route("/hear")
    @view
    def hear():
        return str(get_flashed_messages())

    await browser.get("/say")
    assert (await browser.get("/hear")).text == "['saved']"


async def test_a_login_is_kept(in_redis, browser, view):
    from flask_login import LoginManager, UserMixin, current_user, login_required, login_user

    class User(UserMixin):
        id = "ann"

    manager = LoginManager(in_redis)
    manager.user_loader(lambda name: User())

    @in_redis.route("/login")
    @view
    def login():
        login_user(User())
        return "in"

    @in_redis.route("/me")
    @login_required
    @view
    def me():
        return current_user.id

    assert (await browser.get("/me")).status == 401
    await browser.get("/login")
    assert (await browser.get("/me")).text == "ann"


@pytest.mark.quart
async def test_sessions_of_waiting_views_stay_apart(in_redis):
    meeting = Meeting(6)

    @in_redis.route("/<name>")
    async def keep(name):
        session["name"] = name
        await meeting.join()
        return session["name"]

    @in_redis.route("/")
    async def show():
        return session["name"]

    browsers = {str(number): Browser(in_redis) for number in range(6)}
    await asyncio.gather(*(browser.get(f"/{name}") for name, browser in browsers.items()))
    for name, browser in browsers.items():
        assert (await browser.get("/")).text == name


@pytest.mark.quart
async def test_a_websocket_reads_the_session(in_redis, browser):
    from quart import session as quart_session
    from quart import websocket

    @in_redis.route("/fill")
    async def fill():
        session["name"] = "ann"
        return "filled"

    @in_redis.websocket("/ws")
    async def talk():
        await websocket.send(quart_session["name"] + session["name"])

    await browser.get("/fill")
    async with browser.client.websocket("/ws") as connection:
        assert await connection.receive() == "annann"
