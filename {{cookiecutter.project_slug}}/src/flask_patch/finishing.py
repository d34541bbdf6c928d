"""Finishing: what must not be broken off goes on to its end, although the client has left."""

import asyncio
from asyncio import CancelledError, Future, Task
from collections.abc import Callable, Coroutine, Generator
from functools import wraps
from types import coroutine
from typing import Any, ParamSpec, TypeVar, cast

from greenlet import getcurrent

from .portals import AnyCoroutine, hosted

T = TypeVar("T")
P = ParamSpec("P")

GRACE = 10  # Seconds that what must not be broken off has for a wait, once it is cancelled.


def _look_away(task: Task[Any]) -> None:
    task.exception()  # Retrieved, or asyncio would complain of it.


async def outlast(future: Future[Any], give_up: Callable[[], bool]) -> CancelledError | None:
    """Wait for the future to its end; return the cancellation that came meanwhile, if one did.

    A cancellation is obeyed at once where `give_up` returns that the future is not wanted.
    """
    cancelled = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except CancelledError as error:
            if give_up():
                raise
            cancelled = error
    return cancelled


async def finish(
    coro: Coroutine[Any, Any, T], unheard: Callable[[Task[T]], None] = _look_away
) -> T:
    """Await the coroutine in a task of its own, which goes on although this one is cancelled.

    A client that leaves cancels the task of its request. What was begun comes to its end even then;
    `unheard` is called with the task that did it, and only after that is this one cancelled.
    """

    @hosted
    async def do() -> T:
        return await coro

    task = asyncio.create_task(do())
    cancelled = await outlast(task, lambda: False)
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        unheard(task)
    raise cancelled


async def put_off(coro: Coroutine[Any, Any, T], pending: Any = None) -> T:
    """Await the coroutine without a task; a cancellation meanwhile comes after it.

    `pending` is what the coroutine waits for already. It is cancelled after all when a wait takes
    longer than `GRACE`; so is what sets `asyncio.timeout` itself, which is a cancellation too.
    """
    task, cancelled = asyncio.current_task(), False
    try:
        if pending is None:
            pending = coro.send(None)
        while True:
            done = False
            while not done:
                try:
                    await _settled(pending, GRACE if cancelled else None)
                except asyncio.CancelledError:
                    cancelled = True
                else:
                    cancelled = cancelled and not _give_up(pending)
                done = pending is None or pending.done()
            pending = coro.send(None)
    except StopIteration as stop:
        return cast(T, stop.value)
    finally:
        if cancelled and task is not None:
            # As many as `asyncio.timeout` counts.
            task.uncancel()
            task.cancel()


async def _settled(pending: Any, seconds: float | None) -> None:
    if pending is None:
        await asyncio.sleep(0)
    elif not pending.done():
        # Set when it was handed over, as to a task that would cancel it with itself.
        pending._asyncio_future_blocking = False
        await asyncio.wait([pending], timeout=seconds)


def _give_up(pending: Any) -> bool:
    """Cancel what the coroutine waits for, if it still does, so that it sees a cancellation."""
    return pending is not None and not pending.done() and pending.cancel()


def unbroken(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate sync code: what it waits for, of a driver, goes on to its end, as by `put_off`."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        # Noted at the greenlet, since others run while this one waits.
        current: Any = getcurrent()
        before = is_unbroken(current)
        current.unbroken = True
        try:
            return function(*args, **kwargs)
        finally:
            current.unbroken = before

    return run


def is_unbroken(current: Any) -> bool:
    """Tell whether the greenlet, which is the current one, runs such code."""
    return getattr(current, "unbroken", False)


@coroutine
def cancelled_once(coro: AnyCoroutine) -> Generator[Any, Any, Any]:
    """Await the coroutine; how it ends when it is cancelled is not broken off."""
    try:
        pending = coro.send(None)
        while True:
            try:
                yield pending
            except asyncio.CancelledError as raised:
                error = raised
                break
            pending = coro.send(None)
        pending = coro.throw(error)
    except StopIteration as stop:
        return stop.value
    return (yield from put_off(coro, pending).__await__())
