"""A Quart response is a Werkzeug response too, for sync code."""

import asyncio
import pickle

import flask
import pytest
import quart
import werkzeug.wrappers
from flask_patch import await_only, greenlet_spawn

KINDS = ["sync", "async"]


def test_a_quart_response_is_an_instance_of_flasks_and_werkzeugs():
    response = quart.Response("text", 201, {"X-A": "1"})
    assert isinstance(response, flask.Response)
    assert isinstance(response, werkzeug.wrappers.Response)
    assert (response.status_code, response.headers["X-A"]) == (201, "1")
    assert response.mimetype == "text/html"


async def test_sync_code_reads_and_replaces_the_body(app, text):
    @app.after_request
    def after(response):
        assert response.get_data() == response.data == b"body"
        assert response.get_data(as_text=True) == "body"
        assert b"".join(response.response) == b"body"
        assert b"".join(response.iter_encoded()) == b"body"
        assert (response.is_sequence, response.is_streamed) == (True, False)
        assert not response.direct_passthrough
        response.data = b"longer body"
        assert response.content_length == 11
        return response

    @app.get("/")
    async def index():
        return "body"

    assert await text("/") == "longer body"


async def test_async_code_awaits_the_same_names(app, text):
    @app.after_request
    async def after(response):
        assert await response.get_data() == await response.data == b"body"
        response.set_data("new")
        return response

    @app.get("/")
    def index():
        return "body"

    assert await text("/") == "new"


async def test_sync_code_puts_an_iterable_in_place_of_the_body(app, text):
    @app.after_request
    def after(response):
        response.response = [b"one ", b"two ", response.data]
        response.content_length = None
        return response

    @app.get("/")
    def index():
        return "three"

    assert await text("/") == "one two three"


async def test_sync_code_reads_an_async_stream(app, text):
    async def numbers():
        for number in range(3):
            await asyncio.sleep(0)
            yield str(number)

    @app.after_request
    def after(response):
        assert response.is_streamed
        assert list(response.response) == ["0", "1", "2"]
        response.set_data("read")
        return response

    @app.get("/")
    async def index():
        return numbers()

    assert await text("/") == "read"


async def test_a_sync_generator_runs_on_the_loop_and_may_wait(app, text):
    seen = []

    @app.get("/")
    def index():
        def generate():
            for number in range(3):
                await_only(asyncio.sleep(0))
                seen.append(asyncio.get_running_loop())
                yield str(number)

        return generate()

    assert await text("/") == "012"
    assert set(seen) == {asyncio.get_running_loop()}


async def test_a_sync_generator_is_closed_when_the_client_leaves(app, client):
    closed = asyncio.Event()

    @app.get("/")
    def index():
        def generate():
            try:
                while True:
                    await_only(asyncio.sleep(0))
                    yield "more"
            finally:
                closed.set()

        return generate()

    async with client.request("/") as connection:
        await connection.send_complete()
        assert await connection.receive() == b"more"
        await connection.disconnect()
    await asyncio.wait_for(closed.wait(), 5)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_real_flask_response_is_sent(app, client, kind):
    @app.get("/sync")
    def sync():
        return flask.Response(iter(["one ", "two"]), 201, mimetype="text/plain")

    @app.get("/async")
    async def asynchronous():
        return flask.Response("one two", 201, mimetype="text/plain")

    response = await client.get(f"/{kind}")
    assert (response.status_code, response.mimetype) == (201, "text/plain")
    assert await response.get_data() == b"one two"


async def test_make_response_gives_sync_code_a_response_and_async_code_a_coroutine(app, text):
    @app.get("/sync")
    def sync():
        response = flask.make_response("sync", 200, {"X-A": "1"})
        assert app.make_response(response) is response
        return response

    @app.get("/async")
    async def asynchronous():
        response = await quart.make_response("async")
        assert await app.make_response(response) is response
        return response

    assert await text("/sync") == "sync"
    assert await text("/async") == "async"


async def test_a_response_that_sync_code_made_may_be_awaited_once_more(app):
    def make():
        return app.make_response("made")

    async with app.app_context():
        response = await greenlet_spawn(make)
        assert await response is response
        assert (await make()).status_code == 200


async def test_callbacks_run_when_the_response_was_sent(app, client):
    closed = []

    @app.get("/quart")
    def quarts():
        response = quart.Response("text")
        response.call_on_close(lambda: closed.append("quart"))
        return response

    @app.get("/werkzeug")
    def werkzeugs():
        response = werkzeug.wrappers.Response("text")
        response.call_on_close(lambda: closed.append("werkzeug"))
        return response

    await client.get("/quart")
    await client.get("/werkzeug")
    assert closed == ["quart", "werkzeug"]


async def test_files_are_sent_with_flasks_arguments(app, client, tmp_path):
    (tmp_path / "file.txt").write_text("content")

    @app.get("/sync")
    def sync():
        return flask.send_file(
            tmp_path / "file.txt", as_attachment=True, download_name="other.txt", max_age=5
        )

    @app.get("/directory")
    def directory():
        return flask.send_from_directory(tmp_path, "file.txt", etag="tag")

    @app.get("/open")
    def opened():
        with open(tmp_path / "file.txt", "rb") as file:
            return flask.send_file(file, mimetype="text/plain")

    @app.get("/async")
    async def asynchronous():
        return await quart.send_file(tmp_path / "file.txt")

    response = await client.get("/sync")
    assert response.headers["Content-Disposition"] == "attachment; filename=other.txt"
    assert response.cache_control.max_age == 5
    assert (await client.get("/directory")).get_etag() == ("tag", False)
    for path in ("sync", "directory", "open", "async"):
        assert await (await client.get(f"/{path}")).get_data() == b"content"
    response = await client.get("/directory", headers={"If-None-Match": '"tag"'})
    assert response.status_code == 304


async def test_a_range_of_a_response_is_made_by_sync_code(app, client):
    @app.get("/")
    def index():
        response = quart.Response("0123456789")
        response.make_conditional(flask.request.environ, accept_ranges=True, complete_length=10)
        return response

    response = await client.get("/", headers={"Range": "bytes=2-4"})
    assert response.status_code == 206
    assert await response.get_data() == b"234"


async def test_a_response_is_pickled(app):
    response = pickle.loads(pickle.dumps(quart.Response("text", 201)))  # noqa: S301  (our own)
    assert response.status_code == 201
    assert await response.get_data() == b"text"


def test_werkzeugs_constructor_arguments_are_taken():
    assert quart.Response("text", direct_passthrough=True).direct_passthrough


async def test_a_class_of_flasks_adopts_the_attributes_of_a_response(app, client):
    class Cached(flask.Response):
        def __init__(self, response, timeout):
            self.__dict__ = response.__dict__
            self.timeout = timeout

    @app.get("/")
    def index():
        cached = Cached(app.make_response(("text", 201, {"X-A": "1"})), 0)
        assert cached.get_data() == b"text"
        cached.call_on_close(lambda: None)
        return cached

    response = await client.get("/")
    assert (response.status_code, response.headers["X-A"]) == (201, "1")
    assert await response.get_data() == b"text"


@pytest.mark.parametrize("body", [None, "", [], ["one ", b"two"], ("one ", "two")])
def test_a_body_that_is_in_memory_is_a_sequence(body):
    response = quart.Response(body)
    assert response.is_sequence
    assert response.get_data() == (b"one two" if body else b"")


async def test_an_answer_to_options_has_no_length_yet_when_hooks_see_it(app, client):
    seen = []

    @app.after_request
    def after(response):
        seen.append(response.content_length)
        return response

    app.add_url_rule("/", view_func=lambda: "text")
    response = await client.options("/")
    assert seen == [None]
    assert response.content_length == 0
    assert response.headers["Allow"]
