"""Runners: an event loop of sync code's own, where no other runs."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any

from greenlet import greenlet

from .portals import AnyCoroutine, current_context, host


class _Thread(threading.local):
    runner: asyncio.Runner | None = None
    users = 0


_thread = _Thread()


def own_loop() -> asyncio.Runner | None:
    """Return the runner of this thread's own event loop, if it has one."""
    return _thread.runner


@contextmanager
def own_runner() -> Iterator[asyncio.Runner]:
    """Keep one event loop, of this thread, for what sync code waits for without any other."""
    if _thread.runner is None:
        _thread.runner = asyncio.Runner()
    _thread.users += 1
    try:
        yield _thread.runner
    finally:
        # Of several iterators over streams, the first to begin may be the first to end.
        _thread.users -= 1
        if not _thread.users:
            _thread.runner.close()
            _thread.runner = None


def keep_runner() -> asyncio.Runner:
    """Make an event loop of this thread's own that nobody ends but who asks for it here."""
    # With a factory of its own, it does not become the thread's current event loop.
    _thread.runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
    _thread.users += 1
    return _thread.runner


def run_beside(runner: asyncio.Runner, coro: AnyCoroutine) -> Any:
    """Run the coroutine in this context, on the runner's event loop."""
    # A task that is given this context cannot enter it where `Context.run` has. So the loop runs
    # in a greenlet beside this one, and the coroutine in a portal, which needs not enter.
    hosting = _host_in(current_context(), coro)
    # Control goes to the loop, and comes back with the result or the exception.
    return greenlet(runner.run).switch(hosting)


async def _host_in(context: Context, coro: AnyCoroutine) -> Any:
    return await host(coro, context=context)
