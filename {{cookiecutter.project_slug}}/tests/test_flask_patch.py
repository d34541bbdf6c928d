"""Flask extensions run on Quart: what docs/flask_patch.md says, in short."""

import asyncio
import threading
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import flask
import flask.cli
import flask.signals
import pytest
from quart import Quart, request
from quart.utils import run_sync


@pytest.fixture
def bare() -> Quart:
    """An app without anything of this project."""
    app = Quart("bare")
    app.secret_key = "only for tests"
    return app


async def get(app: Quart, path: str, method: str = "GET", **options: Any) -> str:
    """Send a request and return the body of the answer."""
    response = await app.test_client().open(path, method=method, **options)
    return str(await response.get_data(as_text=True))


async def test_sync_code_waits_without_blocking_the_event_loop(
    bare: Quart, flask_patch: ModuleType
) -> None:
    meeting = asyncio.Barrier(10)

    def meet() -> None:
        flask_patch.await_only(meeting.wait())

    @bare.get("/sync")
    def sync() -> str:
        meet()
        return "met"

    @bare.get("/async")
    async def asynchronous() -> str:
        meet()
        return "met"

    # Nobody passes the barrier unless all ten wait at the same time.
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*[get(bare, p) for p in ["/sync", "/async"] * 5])
    assert answers == ["met"] * 10


async def test_flasks_names_give_results_to_sync_and_coroutines_to_async_code(bare: Quart) -> None:
    @bare.post("/sync")
    def sync() -> str:
        return flask.render_template_string("{{ name }}", name=flask.request.form["name"])

    @bare.post("/async")
    async def asynchronous() -> str:
        form = await request.form
        return str(await flask.render_template_string("{{ name }}", name=form["name"]))

    for path in ("/sync", "/async"):
        assert await get(bare, path, "POST", form={"name": "alice"}) == "alice"


async def test_a_sync_decorator_waits_for_the_async_view_below_it(bare: Quart) -> None:
    def shout(view: Any) -> Any:
        return lambda: flask.current_app.ensure_sync(view)().upper()

    @bare.get("/")
    @shout
    async def index() -> str:
        await asyncio.sleep(0)
        return flask.request.path + "hello"

    assert await get(bare, "/") == "/HELLO"


async def test_sync_views_run_on_the_event_loop_and_blocking_ones_in_a_thread(bare: Quart) -> None:
    @bare.get("/loop")
    def on_loop() -> str:
        return str(threading.current_thread() is here)

    @bare.get("/thread")
    @run_sync
    def in_thread() -> str:
        return f"{threading.current_thread() is here} {flask.request.path}"

    here = threading.current_thread()
    assert await get(bare, "/loop") == "True"
    assert await get(bare, "/thread") == "False /thread"


async def test_a_task_of_ones_own_is_told_how_to_wait(flask_patch: ModuleType) -> None:
    def wait() -> None:
        flask_patch.await_only(asyncio.sleep(0))

    with pytest.raises(RuntimeError, match="greenlet_spawn"):
        wait()
    await flask_patch.greenlet_spawn(wait)


async def test_cancelling_a_request_reaches_sync_code(flask_patch: ModuleType) -> None:
    cleaned_up = []

    def wait() -> None:
        try:
            flask_patch.await_only(asyncio.Event().wait())
        finally:
            cleaned_up.append(True)

    task = asyncio.create_task(flask_patch.greenlet_spawn(wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned_up == [True]


async def test_an_after_request_hook_written_for_flask_reads_and_changes_a_response(
    bare: Quart,
) -> None:
    @bare.get("/")
    async def index() -> str:
        return "hello"

    @bare.after_request
    def shout(response: Any) -> Any:
        assert isinstance(response, flask.Response)
        assert not response.is_streamed
        body = b"".join(response.response)
        assert body == response.get_data() == response.data == b"hello"
        response.set_data(body.upper())
        return response

    assert await get(bare, "/") == "HELLO"


async def test_a_body_is_streamed_by_a_sync_generator_that_waits(
    bare: Quart, flask_patch: ModuleType
) -> None:
    closed = []

    @bare.get("/")
    def index() -> flask.Response:
        def numbers() -> Any:
            for number in range(3):
                flask_patch.await_only(asyncio.sleep(0))
                yield f"{flask.request.path}{number}"

        response = flask.Response(flask.stream_with_context(numbers()))
        response.call_on_close(lambda: closed.append(True))
        return response

    assert await get(bare, "/") == "/0/1/2"
    assert closed == [True]


async def test_a_sync_view_reads_the_body_and_the_wsgi_environment(bare: Quart) -> None:
    @bare.post("/page")
    def page() -> str:
        environ = flask.request.environ
        names = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "HTTP_X_NAME")
        return " ".join([*(environ[name] for name in names), flask.request.stream.read().decode()])

    body = await get(bare, "/page?a=1", "POST", data="sent", headers={"X-Name": "alice"})
    assert body == "POST /page a=1 alice sent"


async def test_files_are_sent_with_flasks_arguments(bare: Quart, tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text("from a folder")

    @bare.get("/memory")
    def memory() -> flask.Response:
        return flask.send_file(BytesIO(b"from memory"), "text/plain", download_name="a.txt")

    @bare.get("/folder/<path:name>")
    def folder(name: str) -> flask.Response:
        return flask.send_from_directory(tmp_path, name, etag="one", max_age=60)

    assert await get(bare, "/memory") == "from memory"
    response = await bare.test_client().get("/folder/page.txt")
    assert await response.get_data(as_text=True) == "from a folder"
    assert (response.headers["ETag"], response.cache_control.max_age) == ('"one"', 60)
    assert (await bare.test_client().get("/folder/../x")).status_code == 404


async def test_an_error_handler_set_as_extensions_do_is_used(bare: Quart) -> None:
    native = bare.handle_user_exception

    def handle_user_exception(error: Exception) -> Any:
        if isinstance(error, KeyError):
            return flask.make_response(f"no {error.args[0]}", 404)
        return native(error)

    bare.handle_user_exception = handle_user_exception  # type: ignore[method-assign, assignment]

    @bare.get("/<name>")
    def missing(name: str) -> None:
        raise KeyError(name)

    assert await get(bare, "/key") == "no key"


async def test_macros_and_templates_render_in_sync_code(bare: Quart) -> None:
    template = bare.jinja_env.from_string("{% macro hi(name) %}hi {{ name }}{% endmacro %}{{ x }}")

    @bare.get("/")
    def index() -> str:
        return f"{template.render(x=1)} {template.module.hi('alice')}"  # type: ignore[attr-defined]

    assert await get(bare, "/") == "1 hi alice"


async def test_signals_reach_async_receivers_from_sync_code(bare: Quart) -> None:
    received = []
    signal = flask.signals.Namespace().signal("saved")

    async def receive(sender: Quart, **data: Any) -> None:
        await asyncio.sleep(0)
        received.append((sender, data))

    signal.connect(receive)

    @bare.get("/")
    def index() -> str:
        signal.send(bare, name="alice")
        return "sent"

    assert await get(bare, "/") == "sent"
    assert received == [(bare, {"name": "alice"})]


def test_contexts_open_in_sync_code(bare: Quart) -> None:
    with bare.test_request_context("/page"):
        assert flask.request.path == "/page"
    with bare.app_context():
        assert not flask.has_request_context()
        assert flask.current_app.name == "bare"


async def test_sync_test_code_writes_to_a_session(bare: Quart, flask_patch: ModuleType) -> None:
    client = bare.test_client()

    def visit() -> None:
        with client.session_transaction() as session:
            session["name"] = "alice"
        with client.session_transaction() as session:
            assert session["name"] == "alice"

    await flask_patch.greenlet_spawn(visit)


def test_a_command_written_for_flask_runs_in_the_context_of_its_app(
    bare: Quart, flask_patch: ModuleType
) -> None:
    group = flask.cli.AppGroup("jobs")

    @group.command("wait")
    def wait() -> None:
        flask_patch.await_only(asyncio.sleep(0))
        click.echo(flask.current_app.name)

    @group.command("asynchronous")
    async def asynchronous() -> None:
        await asyncio.sleep(0)
        click.echo(flask.current_app.name)

    bare.cli.add_command(group)
    for command in ("wait", "asynchronous"):
        result = bare.test_cli_runner().invoke(args=["jobs", command])
        assert (result.exit_code, result.output) == (0, "bare\n"), result.output
