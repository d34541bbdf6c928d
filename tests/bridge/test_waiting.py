"""Sync code waits for async code, without blocking the event loop."""

import asyncio
import contextlib
import sys
import traceback
from contextvars import ContextVar, copy_context

import flask
import pytest
import uvloop
from flask_patch import await_only, greenlet_spawn, hosted
from greenlet import getcurrent
from sqlalchemy.util import await_only as sqlalchemy_await_only
from sqlalchemy.util import greenlet_spawn as sqlalchemy_greenlet_spawn

variable: ContextVar[str] = ContextVar("variable", default="unset")


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return number * 2


async def fail() -> None:
    await asyncio.sleep(0)
    raise LookupError("from async code")


def sync_double(number: int) -> int:
    return await_only(double(number))


async def test_sync_code_gets_the_result_of_a_coroutine():
    assert await greenlet_spawn(sync_double, 21) == 42


async def test_an_async_function_may_call_sync_code_that_waits():
    @hosted
    async def quadruple(number: int) -> int:
        half = sync_double(number)
        await asyncio.sleep(0)
        return sync_double(half)

    assert await quadruple(10) == 40


async def test_futures_and_other_awaitables_can_be_waited_for():
    class Later:
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return "later"

    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, "done")
    assert await greenlet_spawn(await_only, future) == "done"
    assert await greenlet_spawn(await_only, Later()) == "later"


async def test_nesting_of_sync_and_async_code_goes_deep():
    async def down(depth: int) -> int:
        await asyncio.sleep(0)
        return depth if depth == 0 else 1 + step(depth - 1)

    def step(depth: int) -> int:
        return await_only(down(depth))

    assert await greenlet_spawn(step, 30) == 30


async def test_waiting_does_not_block_the_event_loop():
    meeting = asyncio.Barrier(20)

    def arrive() -> int:
        return await_only(meeting.wait())

    # Nobody gets past a barrier unless all wait at the same time.
    places = await asyncio.gather(*[greenlet_spawn(arrive) for _ in range(20)])
    assert sorted(places) == list(range(20))


async def test_exceptions_reach_sync_code_with_the_frames_they_came_through():
    def middle() -> None:
        await_only(fail())

    with pytest.raises(LookupError, match="from async code") as caught:
        await greenlet_spawn(middle)
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[0].startswith("test_exceptions")
    assert [name for name in names if name in ("middle", "fail")] == ["middle", "fail"]


async def test_sync_code_can_catch_what_async_code_raises():
    def recover() -> str:
        try:
            await_only(fail())
        except LookupError as error:
            return f"caught {error}"
        return "nothing to catch"

    assert await greenlet_spawn(recover) == "caught from async code"


async def test_async_code_does_not_see_an_exception_it_has_handled():
    async def recover() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1)
        assert sys.exc_info() == (None, None, None)
        raise LookupError("later")

    task = asyncio.create_task(greenlet_spawn(await_only, recover()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(LookupError) as caught:
        await task
    assert caught.value.__context__ is None


async def test_a_loop_callback_calls_sync_functions_without_a_task(app):
    done = asyncio.get_running_loop().create_future()

    def callback() -> None:
        assert asyncio.current_task() is None
        done.set_result(await_only(app.ensure_async(lambda: "called")()))

    asyncio.get_running_loop().call_soon(callback)
    assert await asyncio.wait_for(done, 5) == "called"


async def test_no_exception_of_an_earlier_request_is_the_context_of_a_later_one():
    with pytest.raises(LookupError):
        await greenlet_spawn(await_only, fail())

    def raise_anew() -> None:
        assert sys.exc_info() == (None, None, None)
        raise ValueError("anew")

    with pytest.raises(ValueError, match="anew") as caught:
        await greenlet_spawn(raise_anew)
    assert caught.value.__context__ is None


async def test_cancellation_reaches_waiting_sync_code_which_can_clean_up():
    events = []

    def wait_forever() -> None:
        try:
            await_only(asyncio.Event().wait())
        except asyncio.CancelledError:
            events.append("cancelled")
            await_only(asyncio.sleep(0))
            events.append("cleaned up")
            raise

    task = asyncio.create_task(greenlet_spawn(wait_forever))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert events == ["cancelled", "cleaned up"]
    assert task.cancelled()


async def test_timeouts_interrupt_waiting_sync_code():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await greenlet_spawn(await_only, asyncio.Event().wait())


async def test_an_abandoned_wait_runs_the_finally_blocks():
    closed = []

    def wait_forever() -> None:
        try:
            await_only(asyncio.Event().wait())
        finally:
            closed.append(True)

    coro = greenlet_spawn(wait_forever)
    task = asyncio.ensure_future(coro)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert closed == [True]


async def test_context_variables_set_on_either_side_are_seen_on_the_other():
    async def set_variable(value: str) -> str:
        before = variable.get()
        await asyncio.sleep(0)
        variable.set(value)
        return before

    def sync_code() -> None:
        assert variable.get() == "from the task"
        assert await_only(set_variable("from async")) == "from the task"
        assert variable.get() == "from async"
        variable.set("from sync")

    variable.set("from the task")
    await greenlet_spawn(sync_code)
    assert variable.get() == "from sync"


async def test_tasks_do_not_see_each_others_context_variables():
    async def one(name: str) -> str:
        variable.set(name)
        await greenlet_spawn(await_only, asyncio.sleep(0))
        return variable.get()

    names = [str(number) for number in range(20)]
    assert await asyncio.gather(*[one(name) for name in names]) == names


async def test_waiting_inside_a_copied_context_comes_back_into_it():
    def inside() -> str:
        variable.set("inside")
        await_only(asyncio.sleep(0))
        return variable.get()

    @hosted
    async def outside() -> tuple[str, str]:
        variable.set("outside")
        return copy_context().run(inside), variable.get()

    assert await outside() == ("inside", "outside")


async def test_the_current_task_stays_the_current_task():
    task = asyncio.current_task()

    def is_current() -> bool:
        await_only(asyncio.sleep(0))
        return asyncio.current_task() is task

    assert await greenlet_spawn(is_current)


async def test_code_that_never_suspends_needs_no_portal():
    async def at_once() -> str:
        return "at once"

    assert await_only(at_once()) == "at once"


async def test_what_cannot_wait_says_what_to_do_and_closes_the_coroutine():
    closed = []

    async def suspends() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            closed.append(True)

    with pytest.raises(RuntimeError, match=r"suspends.*await greenlet_spawn"):
        await_only(suspends())
    assert closed == [True]


async def test_a_task_started_by_hosted_code_is_not_hosted_by_it():
    @hosted
    async def start() -> None:
        await asyncio.create_task(unhosted())

    async def unhosted() -> None:
        sync_double(1)

    with pytest.raises(RuntimeError, match="greenlet_spawn"):
        await start()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 made tasks eager")
async def test_eager_tasks_wait_in_their_own_portals():
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)

    def start(number: int) -> asyncio.Task:
        return asyncio.create_task(greenlet_spawn(sync_double, number))

    @hosted
    async def outer() -> list[int]:
        tasks = [start(number) for number in range(3)]
        assert sync_double(5) == 10
        return [await task for task in tasks]

    assert await outer() == [0, 2, 4]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 made tasks eager")
async def test_an_eager_task_without_a_portal_may_not_wait_in_anothers():
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)

    async def unhosted() -> None:
        sync_double(1)

    @hosted
    async def outer() -> None:
        await asyncio.create_task(unhosted())

    with pytest.raises(RuntimeError, match="greenlet_spawn"):
        await outer()


async def test_sync_code_inside_sqlalchemys_greenlets_can_wait():
    def inner() -> tuple[int, int]:
        # One wait for each side's hub, and each comes back to this greenlet.
        here = getcurrent()
        first = sync_double(1)
        second = sqlalchemy_await_only(double(2))
        assert getcurrent() is here
        return first, second

    @hosted
    async def view() -> tuple[int, int]:
        return await sqlalchemy_greenlet_spawn(inner)

    assert await view() == (2, 4)


async def test_sync_generators_can_wait_between_items():
    def doubles():
        for number in range(3):
            yield sync_double(number)

    assert await greenlet_spawn(lambda: list(doubles())) == [0, 2, 4]


async def test_a_spawned_function_may_return_a_coroutine():
    assert await greenlet_spawn(lambda: double(4)) == 8


def test_sync_code_without_any_event_loop_runs_one_meanwhile():
    variable.set("outside")

    async def change() -> str:
        await asyncio.sleep(0)
        variable.set("inside")
        return "done"

    assert await_only(change()) == "done"
    assert variable.get() == "inside"


def test_sync_code_in_a_copied_context_runs_a_loop_meanwhile(app):
    closed = []

    @app.teardown_appcontext
    async def close(error):
        await asyncio.sleep(0)
        closed.append(variable.get())

    async def change() -> None:
        await asyncio.sleep(0)
        variable.set("inside")

    def work() -> str:
        with app.app_context():
            await_only(change())
            return f"{flask.current_app.name} {variable.get()}"

    variable.set("outside")
    assert copy_context().run(work) == "app inside"
    assert (variable.get(), closed) == ("outside", ["inside"])


async def test_a_thread_in_a_copied_context_runs_a_command(app):
    @app.cli.command()
    def work() -> None:
        print(f"{flask.current_app.name} {await_only(double(1))}")

    async with asyncio.timeout(10):
        result = await asyncio.to_thread(app.test_cli_runner().invoke, args=["work"])
    assert result.output == "app 2\n"


def test_sync_code_that_a_loop_of_its_own_runs_can_wait_as_well():
    def inner() -> int:
        return sync_double(1)

    async def outer() -> tuple[int, bool]:
        await asyncio.sleep(0)
        return inner(), asyncio.current_task() is not None

    assert await_only(outer()) == (2, True)


def test_an_error_on_a_loop_of_its_own_reaches_sync_code():
    with pytest.raises(LookupError, match="from async code"):
        copy_context().run(await_only, fail())


def test_code_in_a_context_of_its_own_waits_without_any_event_loop():
    async def change() -> str:
        await asyncio.sleep(0)
        variable.set("inside")
        return "done"

    def wait() -> str:
        assert await_only(change()) == "done"
        return variable.get()

    variable.set("outside")
    assert copy_context().run(wait) == "inside"
    assert variable.get() == "outside"


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_any_event_loop_will_do(new_loop, debug):
    async def main() -> list[int]:
        return await asyncio.gather(*[greenlet_spawn(sync_double, n) for n in range(10)])

    with asyncio.Runner(debug=debug, loop_factory=new_loop) as runner:
        assert runner.run(main()) == [n * 2 for n in range(10)]


def test_asyncio_keeps_its_own_tasks_and_futures():
    import _asyncio

    assert asyncio.Task is _asyncio.Task
    assert asyncio.Future is _asyncio.Future
    assert asyncio.run.__module__ == "asyncio.runners"
