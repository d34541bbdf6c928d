"""What stops each server, held back until the app is prepared: the one room that knows how.

ASGI tells an app of the end when nobody can reach it any more, and no server offers a hook before.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from hypercorn.asyncio import run
from quart import Quart

Prepare = Callable[[], Awaitable[None]]
_tasks: set[asyncio.Task[None]] = set()


def hold_back(app: Quart, prepare: Prepare) -> None:
    """Let the server that is loading this app await `prepare` before it stops."""
    _hold_back_hypercorn(prepare)
    if "granian" in sys.modules:
        _hold_back_granian(prepare)

    async def hold_back_uvicorn() -> None:
        _hold_back_uvicorn(prepare)

    app.before_serving(hold_back_uvicorn)


def _hold_back_hypercorn(prepare: Prepare) -> None:
    hypercorn: Any = run
    stop = hypercorn.raise_shutdown

    async def raise_shutdown(asked: Callable[[], Awaitable[Any]]) -> None:
        signalled, loop = asyncio.Event(), asyncio.get_running_loop()
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            # When the first of its workers is done, Hypercorn sends the others SIGTERM, whatever
            # they are in the middle of.
            loop.add_signal_handler(signal.SIGTERM, signalled.set)
        waiting = [loop.create_task(_wait(event)) for event in (asked, signalled.wait)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        await stop(prepare)

    hypercorn.raise_shutdown = raise_shutdown


async def _wait(event: Callable[[], Awaitable[Any]]) -> None:
    await event()


def _hold_back_granian(prepare: Prepare) -> None:
    # By name, since a type checker has no Granian where nobody has installed it.
    signals: Any = import_module("granian._signals")
    listen = signals.set_loop_signals

    def set_loop_signals(loop: asyncio.AbstractEventLoop) -> Any:
        event = listen(loop)
        loop.add_signal_handler(signal.SIGTERM, _later, loop, prepare, event.set)
        return event

    signals.set_loop_signals = set_loop_signals


def _hold_back_uvicorn(prepare: Prepare) -> None:
    stop = signal.getsignal(signal.SIGTERM)
    if not callable(stop) or "uvicorn" not in type(getattr(stop, "__self__", None)).__module__:
        return
    loop = asyncio.get_running_loop()

    def handle(number: int, frame: Any) -> None:
        loop.call_soon_threadsafe(_later, loop, prepare, lambda: stop(number, frame))

    signal.signal(signal.SIGTERM, handle)


def _later(loop: asyncio.AbstractEventLoop, prepare: Prepare, stop: Callable[[], object]) -> None:
    async def prepare_and_stop() -> None:
        await prepare()
        stop()

    task = loop.create_task(prepare_and_stop())
    # The loop itself keeps no more than weak references.
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
