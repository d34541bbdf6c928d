"""Flask extensions run on Quart: what docs/flask_patch.md says, in short."""

import asyncio
import threading
from types import ModuleType
from typing import Any

import flask
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
