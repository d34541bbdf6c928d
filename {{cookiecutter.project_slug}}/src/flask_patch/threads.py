"""Threads: those of `run_sync`, and the event loop that sync code waits on where none runs."""

import asyncio
import threading
import weakref
from asyncio import AbstractEventLoop
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps
from inspect import isgenerator
from typing import Any

import quart.utils

from .finishing import outlast
from .functions import repoint
from .portals import copy_context_for_thread, serving_loop
from .runners import keep_runner, own_loop

# Not the loop's own executor: its threads look up host names, for which these may wait, all of
# them, when they want a connection.
workers = ThreadPoolExecutor(thread_name_prefix="run_sync")


class _Ending:
    """Goes with its thread, or at the end of the program."""


class _Kept(threading.local):
    ending: _Ending | None = None


_kept = _Kept()


def find_loop() -> AbstractEventLoop | None:
    """Return the event loop that code in this thread waits on, if there is one yet."""
    running = asyncio._get_running_loop()
    if running is not None:
        return running
    runner = own_loop()
    return serving_loop() if runner is None else runner.get_loop()


def keep_loop() -> None:
    """Where there is no event loop to wait on, make one that lasts as long as the thread.

    A connection that is made on an event loop is of use only as long as that loop.
    """
    if find_loop() is not None:
        return
    _kept.ending = _Ending()
    weakref.finalize(_kept.ending, _close, keep_runner().get_loop())


def _close(loop: AbstractEventLoop) -> None:
    # Not `Runner.close`, which starts a thread, and at the end of the program that is too late.
    loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def run_sync(function: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Make the sync function an async one, which runs in a thread."""

    @wraps(function)
    async def in_thread(*args: Any, **kwargs: Any) -> Any:
        result = await _run(partial(function, *args, **kwargs))
        return _iterate(result) if isgenerator(result) else result

    in_thread._quart_async_wrapper = True  # type: ignore[attr-defined]  # as Quart marks its own
    return in_thread


async def _run(function: Callable[..., Any], *args: Any) -> Any:
    job = workers.submit(copy_context_for_thread().run, function, *args)
    future = asyncio.wrap_future(job)
    # A thread cannot be stopped once it runs the job. The request lasts as long as that, which
    # would use a context, and a database session, that nobody closes any more.
    cancelled = await outlast(future, job.cancel)
    if cancelled is None:
        return future.result()
    future.exception()  # Nobody else looks at it.
    raise cancelled


async def _iterate(iterator: Iterator[Any]) -> AsyncIterator[Any]:
    end = object()
    while (item := await _run(next, iterator, end)) is not end:
        yield item


def patch_threads() -> None:
    """Let the threads of Quart's `run_sync` wait for the event loop."""
    repoint(quart.utils.run_sync, run_sync)
