"""A Quart app offers what extensions expect of a Flask app."""

import asyncio
import functools
import inspect
import sys

import flask
import flask.views
import pytest
import quart
import quart.views
from flask_patch import await_only, greenlet_spawn
from quart.utils import run_sync


def test_flask_names_quarts_app_class():
    assert flask.Flask is quart.Quart
    assert issubclass(quart.Blueprint, flask.Blueprint)


async def test_an_apps_own_subclass_of_flask_serves(text):
    class Own(flask.Flask):
        pass

    own = Own("own")

    @own.get("/")
    def index():
        return flask.current_app.name

    assert await (await own.test_client().get("/")).get_data() == b"own"


@pytest.mark.parametrize("blueprint_class", [flask.Blueprint, quart.Blueprint])
async def test_a_blueprint_of_either_kind_is_registered(app, text, blueprint_class):
    blueprint = blueprint_class("bp", "app", url_prefix="/bp")

    @blueprint.before_request
    def before():
        flask.g.before = "before"

    @blueprint.get("/")
    async def index():
        return f"{flask.g.before} {flask.url_for('.index')} {flask.request.blueprint}"

    @blueprint.errorhandler(LookupError)
    def handle(error):
        return "handled"

    @blueprint.get("/fail")
    def fail():
        raise LookupError

    app.register_blueprint(blueprint)
    assert await text("/bp/") == "before /bp/ bp"
    assert await text("/bp/fail") == "handled"


async def test_sync_hooks_run_on_the_event_loop_and_may_wait(app, text):
    seen = []

    def note(name: str) -> None:
        await_only(asyncio.sleep(0))
        seen.append((name, asyncio.get_running_loop()))

    app.before_request(lambda: note("before"))
    app.teardown_request(lambda error: note("teardown"))
    app.teardown_appcontext(lambda error: note("appcontext"))

    @app.after_request
    def after(response):
        note("after")
        return response

    @app.url_value_preprocessor
    def values(endpoint, values):
        note("values")

    @app.context_processor
    def context():
        note("context")
        return {"word": "hello"}

    @app.get("/")
    def index():
        note("view")
        return flask.render_template_string("{{ word }}")

    assert await text("/") == "hello"
    names = ["values", "before", "view", "context", "after", "teardown", "appcontext"]
    assert seen == [(name, asyncio.get_running_loop()) for name in names]


async def test_sync_error_handlers_may_wait(app, client):
    @app.errorhandler(404)
    def handle(error):
        await_only(asyncio.sleep(0))
        return flask.render_template_string("no {{ request.path }}"), 404

    response = await client.get("/page")
    assert (response.status_code, await response.get_data()) == (404, b"no /page")


async def test_blocking_work_goes_to_a_thread_by_run_sync(app, text):
    loop_thread = asyncio.get_running_loop()

    def where() -> str:
        return "thread" if asyncio._get_running_loop() is None else "loop"

    @app.get("/plain")
    def plain():
        assert asyncio.get_running_loop() is loop_thread
        return where()

    @app.get("/blocking")
    @run_sync
    def blocking():
        return f"{where()} {flask.request.path} {flask.render_template_string('{{ 1 }}')}"

    assert await text("/plain") == "loop"
    assert await text("/blocking") == "thread /blocking 1"


async def test_an_app_may_send_all_sync_functions_to_threads():
    class Threaded(quart.Quart):
        def sync_to_async(self, function):
            return run_sync(function)

    threaded = Threaded("threaded")
    threaded.before_request(lambda: setattr(flask.g, "loop", asyncio._get_running_loop()))

    @threaded.post("/")
    def index():
        name = flask.request.form["name"]
        return f"{name} {flask.g.loop} {asyncio._get_running_loop()}"

    response = await threaded.test_client().post("/", form={"name": "ann"})
    assert await response.get_data() == b"ann None None"


async def test_ensure_sync_gives_sync_code_the_result_of_an_async_function(app):
    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return number * 2

    def use() -> int:
        return app.ensure_sync(double)(1) + app.async_to_sync(double)(2)

    assert await greenlet_spawn(use) == 6
    assert await app.ensure_sync(double)(3) == 6
    assert app.ensure_sync(use) is use


async def test_ensure_async_leaves_async_functions_as_they_are(app):
    async def function() -> None:
        """Do nothing."""

    class Callable:
        async def method(self) -> None:
            """Do nothing."""

        async def __call__(self) -> str:
            return "called"

    partial = functools.partial(function)
    thing = Callable()
    for asynchronous in (function, thing.method, partial, run_sync(len)):
        assert app.ensure_async(asynchronous) is asynchronous or asynchronous == thing.method
    assert await app.ensure_async(thing)() == "called"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 brought the mark")
async def test_ensure_async_knows_functions_that_are_marked_as_async(app):
    @inspect.markcoroutinefunction
    def marked():
        return asyncio.sleep(0, "slept")

    assert app.ensure_async(marked) is marked


async def test_ensure_async_hosts_a_sync_function(app):
    def wait() -> str:
        await_only(asyncio.sleep(0))
        return "waited"

    assert await app.ensure_async(wait)() == "waited"


@pytest.mark.parametrize("function", ["sync", "async"])
async def test_background_tasks_are_hosted(app, function):
    done = asyncio.Event()

    def work(word: str) -> None:
        await_only(asyncio.sleep(0))
        assert (word, flask.current_app.name) == ("word", "app")
        done.set()

    async def async_work(word: str) -> None:
        work(word)

    app.add_background_task(work if function == "sync" else async_work, "word")
    await asyncio.wait_for(done.wait(), 5)


async def test_serving_hooks_are_hosted(app):
    seen = []

    def wait() -> None:
        await_only(asyncio.sleep(0))
        seen.append("sync")

    async def call_sync() -> None:
        wait()

    @app.while_serving
    async def around():
        wait()
        yield
        wait()

    app.before_serving(wait)
    app.before_serving(call_sync)
    app.after_serving(wait)
    async with app.test_app():
        assert seen == ["sync"] * 3
    assert seen == ["sync"] * 5


async def test_a_decorator_may_hand_on_a_coroutine(app, client):
    def hand_on(view):
        return lambda: (view(), 201)

    @app.get("/")
    @hand_on
    async def index():
        await asyncio.sleep(0)
        return "body", {"X-A": "1"}

    response = await client.get("/")
    assert (response.status_code, response.headers["X-A"]) == (201, "1")
    assert await response.get_data() == b"body"


async def test_sync_code_calls_what_quart_has_async(app, text):
    @app.get("/")
    def index():
        response = app.process_response(app.make_response("body"))
        assert app.preprocess_request() is None
        assert app.make_default_options_response().headers["Allow"]
        values: dict = {}
        app.update_template_context(values)
        assert values["g"] is flask.g._get_current_object()
        return response

    assert await text("/") == "body"


async def test_the_context_argument_may_be_left_out_by_async_code_too(app):
    async with app.test_request_context("/"):
        assert await app.preprocess_request() is None
        response = await app.process_response(await app.make_response("body"))
        assert response.status_code == 200


async def test_a_method_that_needs_a_context_says_so_without_one(app):
    with pytest.raises(RuntimeError, match="Not within a"):
        await app.process_response(quart.Response())


def fail():
    raise LookupError("failed")


REPLACEMENTS = {
    "handle_user_exception": lambda original: lambda error: (f"handled {error}", 418),
    "handle_exception": lambda original: lambda error: quart.Response(f"handled {error}", 418),
    "dispatch_request": lambda original: lambda *args: "handled failed",
    "full_dispatch_request": lambda original: lambda *args: quart.Response("handled failed"),
    "preprocess_request": lambda original: lambda *args: "handled failed",
}


@pytest.mark.parametrize("name", REPLACEMENTS)
async def test_a_sync_replacement_of_an_async_method_is_adopted(app, text, name):
    app.add_url_rule("/", view_func=fail)
    setattr(app, name, REPLACEMENTS[name](getattr(app, name)))
    assert await text("/") == "handled failed"


async def test_a_replacement_calls_the_original_without_the_context(app, text):
    original = app.handle_user_exception

    def handle(error):
        assert isinstance(error, LookupError)
        return app.make_response((original(error), 418))

    app.handle_user_exception = handle
    app.register_error_handler(LookupError, lambda error: f"handled {error}")
    app.add_url_rule("/", view_func=fail)
    assert await text("/") == "handled failed"


async def test_a_replacement_that_takes_anything_hands_it_on(app, text):
    original = app.full_dispatch_request
    calls = []

    def dispatch(*args, **kwargs):
        calls.append(args)
        response = original(*args, **kwargs)
        response.headers["X-A"] = "1"
        return response

    app.full_dispatch_request = dispatch
    app.add_url_rule("/", view_func=lambda: "ok")
    assert await text("/") == "ok"
    assert len(calls) == 1


async def test_sync_overrides_in_a_subclass_serve_quart():
    class Own(quart.Quart):
        def make_response(self, result):
            response = super().make_response(result)
            response.headers["X-Own"] = "yes"
            return response

        async def handle_user_exception(self, error):
            return f"handled {type(error).__name__}"

    own = Own("own")
    own.add_url_rule("/", view_func=lambda: "ok")
    own.add_url_rule("/fail", view_func=fail)
    response = await own.test_client().get("/")
    assert response.headers["X-Own"] == "yes"
    assert await (await own.test_client().get("/fail")).get_data() == b"handled LookupError"


async def test_a_sync_session_interface_opens_and_saves(app, client):
    class Interface(flask.sessions.SessionInterface):
        saved: dict = {}  # noqa: RUF012  (one for the test)

        def open_session(self, app, request):
            await_only(asyncio.sleep(0))
            return flask.sessions.SecureCookieSession(self.saved) if request.args else None

        def save_session(self, app, session, response):
            await_only(asyncio.sleep(0))
            self.saved.update(session)
            response.set_cookie("saved", "yes")

    app.session_interface = Interface()

    @app.get("/")
    async def index():
        flask.session["count"] = flask.session.get("count", 0) + 1
        return str(flask.session["count"])

    @app.get("/null")
    async def null():
        return type(flask.session._get_current_object()).__name__

    assert await (await client.get("/?a=1")).get_data() == b"1"
    response = await client.get("/?a=1")
    assert await response.get_data() == b"2"
    assert "saved=yes" in response.headers["Set-Cookie"]
    assert await (await client.get("/null")).get_data() == b"NullSession"


@pytest.mark.parametrize("view_class", [flask.views.MethodView, quart.views.MethodView])
async def test_views_of_either_kind_have_sync_and_async_methods(app, text, view_class):
    class Item(view_class):
        def get(self, name):
            await_only(asyncio.sleep(0))
            return f"got {name}"

        async def post(self, name):
            await asyncio.sleep(0)
            return f"posted {name}"

    app.add_url_rule("/<name>", view_func=Item.as_view("item"))
    assert await text("/ann") == "got ann"
    assert await text("/ann", "POST") == "posted ann"


async def test_a_dispatcher_that_knows_no_async_methods_gets_their_results(app, text):
    class Resource(flask.views.MethodView):
        def dispatch_request(self):
            return self.get().upper()

    class Item(Resource):
        async def get(self):
            await asyncio.sleep(0)
            return "got"

    app.add_url_rule("/", view_func=Item.as_view("item"))
    assert await text("/") == "GOT"


async def test_resources_of_the_app_are_opened_by_either(app, tmp_path, text):
    app.root_path = str(tmp_path)
    (tmp_path / "file.txt").write_text("content")

    @app.get("/sync")
    def sync():
        with app.open_resource("file.txt") as file:
            return file.read()

    @app.get("/async")
    async def asynchronous():
        async with await app.open_resource("file.txt") as file:
            return await file.read()

    assert await text("/sync") == await text("/async") == "content"


async def test_static_files_are_served(app, tmp_path, text):
    app.static_folder = str(tmp_path)
    (tmp_path / "file.txt").write_text("content")
    assert await text("/static/file.txt") == "content"


async def test_flask_decorators_waiting_for_many_requests_let_them_overlap(app, client):
    meeting = asyncio.Barrier(20)

    def required(view):
        def wrapper():
            return flask.current_app.ensure_sync(view)() + "!"

        return wrapper

    @app.get("/")
    @required
    async def index():
        await meeting.wait()
        return "met"

    # One request after the other would never pass the barrier.
    async with asyncio.timeout(5):
        responses = await asyncio.gather(*[client.get("/") for _ in range(20)])
    assert {await response.get_data() for response in responses} == {b"met!"}


async def test_the_tables_of_hooks_hold_what_was_registered_and_no_more(app, client):
    blueprint = quart.Blueprint("bp", "app")
    blueprint.get("/")(lambda: flask.render_template_string(""))
    blueprint.websocket("/ws", endpoint="ws")(lambda: quart.websocket.send("text"))
    app.register_blueprint(blueprint)
    tables = (
        "before_request_funcs",
        "after_request_funcs",
        "teardown_request_funcs",
        "url_value_preprocessors",
        "before_websocket_funcs",
        "after_websocket_funcs",
        "teardown_websocket_funcs",
    )
    await client.get("/")
    async with client.websocket("/ws") as websocket:
        await websocket.receive()
    assert {name: getattr(app, name) for name in tables} == {name: {} for name in tables}
    assert list(app.template_context_processors) == [None, "bp"]  # As in Flask.
    calls = []
    app.before_request_funcs[None].append(lambda: calls.append("app"))
    app.before_request_funcs.setdefault("bp", []).append(lambda: calls.append("blueprint"))
    await client.get("/")
    assert calls == ["app", "blueprint"]


@pytest.mark.parametrize("app_class", [quart.Quart, type("Own", (quart.Quart,), {})])
async def test_a_replacement_is_found_as_it_was_set(app_class):
    app = app_class("app")
    native = app.handle_exception

    def handle(error):
        return quart.Response("handled", 418)

    app.handle_exception = handle
    assert app.handle_exception is handle
    assert app_class("other").handle_exception != handle
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.add_url_rule("/", view_func=fail)
    response = await app.test_client().get("/")
    assert response.status_code == 418
    del app.handle_exception
    assert app.handle_exception == native
    assert (await app.test_client().get("/")).status_code == 500


async def test_an_overriding_method_calls_that_of_its_class_where_it_is_replaced_too(text):
    class Own(quart.Quart):
        def make_response(self, result):
            response = super().make_response(result)
            response.headers["X-Own"] = "yes"
            return response

    plain = quart.Quart("plain")
    plain.make_response = plain.make_response
    own = Own("own")
    inherited = own.make_response
    own.make_response = lambda result: inherited(result)
    own.add_url_rule("/", view_func=lambda: "ok")
    assert (await own.test_client().get("/")).headers["X-Own"] == "yes"


@pytest.mark.parametrize("where", ["view", "tuple", "hook"])
async def test_a_coroutine_that_a_view_returns_fails_like_the_view(app, client, tmp_path, where):
    @app.errorhandler(404)
    async def missing(error):
        return "missing", 404

    @app.get("/")
    async def index():
        found = flask.send_from_directory(tmp_path, "missing.txt")
        return (found, 200) if where == "tuple" else found

    if where == "hook":
        app.before_request(lambda: later_not_found())
    response = await client.get("/")
    assert (response.status_code, await response.get_data()) == (404, b"missing")


async def later_not_found():
    await asyncio.sleep(0)
    flask.abort(404)
