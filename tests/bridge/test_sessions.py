"""A session counts as used, so that caches keep an answer apart, where the app has used it."""

import flask
import pytest
import quart
from flask_patch import greenlet_spawn

READS = {
    "get": lambda: flask.session.get("name"),
    "in": lambda: "name" in quart.session,
    "bool": lambda: bool(flask.session),
    "iteration": lambda: list(quart.session),
    "template": lambda: flask.render_template_string("{{ session.name }}"),
    "csrf-like": lambda: flask.session._get_current_object().get("name"),
}


@pytest.mark.parametrize("read", READS)
async def test_an_answer_to_whoever_read_the_session_varies_by_cookie(app, client, read):
    @app.get("/")
    def index():
        READS[read]()
        return "read"

    assert (await client.get("/")).headers["Vary"] == "Cookie"


@pytest.mark.parametrize("kind", ["plain", "template", "error", "file"])
async def test_an_answer_without_the_session_is_the_same_for_all(app, client, kind, tmp_path):
    (tmp_path / "file.txt").write_text("content")
    app.static_folder = str(tmp_path)

    @app.get("/plain")
    async def plain():
        return "plain"

    @app.get("/template")
    def template():
        return flask.render_template_string("{{ request.path }}")

    async with client.session_transaction() as session:
        session["name"] = "ann"
    path = "/static/file.txt" if kind == "file" else f"/{kind}"
    assert "Vary" not in (await client.get(path)).headers


async def test_a_session_that_is_written_is_saved(app, client, text):
    @app.get("/write")
    def write():
        flask.session["name"] = "ann"
        return ""

    @app.get("/read")
    async def read():
        return quart.session["name"]

    response = await client.get("/write")
    assert response.headers["Vary"] == "Cookie"
    assert "session=" in response.headers["Set-Cookie"]
    assert await text("/read") == "ann"


async def test_an_app_context_alone_has_no_session(app):
    def ask() -> None:
        assert not flask.session
        assert not quart.session
        with pytest.raises(RuntimeError, match="Not within a request"):
            flask.session["a"]
        with pytest.raises(RuntimeError, match="Not within a request"):
            quart.session["a"] = 1

    async with app.app_context():
        await greenlet_spawn(ask)
    with app.app_context():
        ask()


async def test_a_websocket_has_a_session(app, client):
    @app.websocket("/ws")
    async def ws():
        await quart.websocket.send(f"{flask.session['name']} {quart.session['name']}")

    async with client.session_transaction() as session:
        session["name"] = "ann"
    async with client.websocket("/ws") as websocket:
        assert await websocket.receive() == "ann ann"
