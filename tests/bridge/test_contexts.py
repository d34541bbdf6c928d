"""Flask's contexts, proxies and functions follow Quart's."""

import asyncio

import flask
import flask.globals
import pytest
import quart
from flask_patch import greenlet_spawn, hosted

two_variables = pytest.mark.skipif(
    not hasattr(flask.globals, "_cv_request"), reason="Flask 3.2 has one context variable"
)


async def test_flasks_proxies_are_quarts_in_async_and_sync_views(app, text):
    def seen() -> str:
        assert flask.current_app._get_current_object() is app
        assert flask.request._get_current_object() is quart.request._get_current_object()
        assert flask.session._get_current_object() is quart.session._get_current_object()
        assert flask.g._get_current_object() is quart.g._get_current_object()
        assert flask.has_request_context()
        assert flask.has_app_context()
        return f"{flask.request.path} {flask.request.args['a']} {flask.url_for('sync')}"

    @app.get("/async")
    async def asynchronous():
        return seen()

    @app.get("/sync")
    def sync():
        return seen()

    assert await text("/async?a=1") == "/async 1 /sync"
    assert await text("/sync?a=2") == "/sync 2 /sync"


async def test_proxies_are_unbound_outside_of_contexts():
    assert not flask.has_request_context()
    assert not flask.has_app_context()
    assert not flask.request
    assert not flask.current_app
    with pytest.raises(RuntimeError, match="Not within an app context"):
        _ = flask.current_app.name
    with pytest.raises(RuntimeError, match="Not within a request"):
        _ = flask.request.path


async def test_an_app_context_is_not_mistaken_for_a_request(app):
    async with app.app_context():
        assert flask.has_app_context()
        assert not flask.has_request_context()
        assert flask.current_app.name == "app"
        assert not flask.request


async def test_a_websocket_lends_what_a_request_would_have(app, client):
    @app.websocket("/ws")
    async def ws():
        assert flask.has_request_context()
        flask.g.seen = True
        await quart.websocket.send(
            f"{flask.request.method} {flask.request.headers['X-Name']} {flask.request.args['a']} "
            f"{flask.session['name']} {flask.request.cookies.get('session') is not None}"
        )

    async with client.session_transaction() as session:
        session["name"] = "ann"
    async with client.websocket("/ws?a=1", headers={"X-Name": "bob"}) as websocket:
        assert await websocket.receive() == "GET bob 1 ann True"


async def test_concurrent_requests_see_their_own(app, client):
    meeting = asyncio.Barrier(10)

    @app.get("/<int:number>")
    async def index(number: int):
        flask.g.number = number
        await meeting.wait()
        return f"{flask.g.number} {flask.request.view_args['number']}"

    async def get(number: int) -> bytes:
        return await (await client.get(f"/{number}")).get_data()

    bodies = await asyncio.gather(*[get(number) for number in range(10)])
    assert bodies == [f"{number} {number}".encode() for number in range(10)]


async def test_after_this_request_of_flask_runs(app, client):
    @app.get("/")
    def index():
        @flask.after_this_request
        def add(response):
            response.headers["X-After"] = "yes"
            return response

        return "ok"

    assert (await client.get("/")).headers["X-After"] == "yes"


def test_contexts_are_entered_by_sync_code_without_an_event_loop(app):
    closed = []

    @app.teardown_appcontext
    async def close(error):
        await asyncio.sleep(0)
        closed.append(error)

    with app.app_context():
        assert flask.current_app.name == "app"
    with app.test_request_context("/there?a=1"):
        assert (flask.request.path, flask.request.args["a"]) == ("/there", "1")
    assert not flask.has_app_context()
    assert closed == [None, None]


def test_a_test_request_context_needs_no_path(app):
    with app.test_request_context():
        assert flask.request.path == "/"


async def test_contexts_are_entered_by_sync_code_in_a_view(app, text):
    other = quart.Quart("other")

    @app.get("/")
    def index():
        with other.app_context():
            inner = flask.current_app.name
        with app.test_request_context("/there"):
            path = flask.request.path
        return f"{inner} {path} {flask.current_app.name} {flask.request.path}"

    assert await text("/") == "other /there app /"


async def test_an_error_inside_a_context_reaches_its_teardown(app):
    errors = []
    app.teardown_request(lambda error: errors.append(error))
    with pytest.raises(LookupError), app.test_request_context("/"):
        raise LookupError
    assert [type(error) for error in errors] == [LookupError]


async def test_sync_test_code_writes_to_a_session(app, client, text):
    def write() -> None:
        with client.session_transaction() as session:
            session["name"] = "ann"

    @app.get("/")
    async def index():
        return flask.session["name"]

    await greenlet_spawn(write)
    assert await text("/") == "ann"
    async with client.session_transaction() as session:
        session["name"] = "bob"
    assert await text("/") == "bob"


async def test_a_request_entered_by_sync_code_keeps_the_g_of_the_app_context(app):
    def work() -> str:
        with app.app_context():
            flask.g.name = "ann"
            with app.test_request_context("/"):
                return flask.g.name

    assert await greenlet_spawn(work) == "ann"


async def test_a_copied_request_context_is_there_in_a_thread(app, text):
    @app.get("/page")
    def page():
        @flask.copy_current_request_context
        def work() -> str:
            return flask.request.path

        return quart.utils.run_sync(work)()

    assert await text("/page") == "/page"


async def test_a_stream_keeps_its_context(app, text):
    @app.get("/stream")
    def stream():
        @flask.stream_with_context
        def generate():
            yield flask.request.path
            yield flask.request.args["a"]

        return app.response_class(generate())

    assert await text("/stream?a=1") == "/stream1"


@two_variables
async def test_context_variables_named_in_flask_are_quarts(app):
    async with app.app_context() as ctx:
        assert flask.globals._cv_app.get() is ctx
        assert flask.globals._cv_request.get(None) is None
        with pytest.raises(LookupError):
            flask.globals._cv_request.get()
    async with app.test_request_context("/") as ctx:
        assert flask.globals._cv_request.get() is ctx


@two_variables
async def test_request_context_of_the_proxy_is_quarts(app):
    async with app.test_request_context("/page") as ctx:
        assert flask.globals.request_ctx._get_current_object() is ctx
        assert flask.globals.request_ctx.request.path == "/page"


async def test_hosted_tests_may_call_sync_code_that_waits(app):
    @hosted
    async def test() -> str:
        async with app.test_request_context("/", method="POST", form={"name": "ann"}):
            return read()

    def read() -> str:
        return flask.request.form["name"]

    assert await test() == "ann"


@pytest.mark.parametrize("kind", ["app_context", "test_request_context"])
def test_sync_code_pushes_and_pops_a_context(app, kind):
    closed = []

    @app.teardown_appcontext
    async def close(error):
        await asyncio.sleep(0)
        closed.append(error)

    app.add_url_rule("/page", "page", lambda: "page")
    ctx = getattr(app, kind)()
    ctx.push()
    try:
        assert flask.current_app.name == "app"
        assert flask.has_request_context() == (kind == "test_request_context")
        flask.g.word = "kept"
        if flask.has_request_context():
            assert flask.url_for("page") == "/page"
        assert flask.g.word == "kept"
    finally:
        ctx.pop()
    assert closed == [None]
    assert not flask.current_app
    assert not flask.has_request_context()


async def test_sync_code_in_a_view_pushes_and_pops_a_context(app, text):
    other = quart.Quart("other")

    @app.get("/")
    def index():
        ctx = other.app_context()
        ctx.push()
        inner = flask.current_app.name
        ctx.pop()
        return f"{inner} {flask.current_app.name}"

    assert await text("/") == "other app"


async def test_async_code_awaits_push_and_pop(app):
    ctx = app.test_request_context("/page")
    await ctx.push()
    assert flask.request.path == "/page"
    await ctx.pop()
    assert not flask.has_request_context()


def test_a_context_that_is_popped_in_an_error_tells_its_teardown(app):
    errors = []
    app.teardown_appcontext(errors.append)
    ctx = app.app_context()
    ctx.push()
    error = LookupError()
    ctx.pop(error)
    assert errors == [error]
