"""Portals: greenlets that let synchronous code wait for the event loop it runs on.

A task runs its coroutine inside a portal, a greenlet of its own (anyio's portals are another thing:
ways from threads to the loop). Whatever has to wait there switches to the task with what it waits
for; the task awaits that and switches back. The technique is that of SQLAlchemy's
``greenlet_spawn`` and ``await_only``.
"""

import asyncio
import threading
from asyncio import AbstractEventLoop, Task
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from functools import wraps
from types import coroutine
from typing import Any, ParamSpec, TypeVar, cast

from greenlet import getcurrent, greenlet

T = TypeVar("T")
P = ParamSpec("P")
AnyCoroutine = Coroutine[Any, Any, Any]

MAX_IDLE = 256  # Each holds some 8 KiB.


class Portal(greenlet):
    """The greenlet that hosts a task's coroutine, kept for other tasks after it."""

    hub: greenlet  # Where the task itself runs.
    waiter: greenlet  # Who waits: the portal, or a greenlet that was started inside it.
    busy: bool
    result: Any = None
    failure: BaseException | None = None


class _Idle(threading.local):
    """The portals of a thread that host nothing."""

    def __init__(self) -> None:
        self.portals: list[Portal] = []


_idle = _Idle()
_hosts: dict[Task[Any] | None, Portal] = {}
_thread_loop: ContextVar[AbstractEventLoop | None] = ContextVar("thread_loop", default=None)
_latest_loop: AbstractEventLoop | None = None


def current_portal() -> Portal | None:
    """Return the portal of the current task; sync code can wait where there is one."""
    # Looked up by task: one that is run eagerly is in another's portal, but may not use it.
    try:
        return _hosts.get(asyncio.current_task())
    except RuntimeError:  # There is no event loop.
        return None


def drive(coro: AnyCoroutine, portal: Portal) -> Any:
    """Run the coroutine to its end, waiting through the portal where it suspends."""
    try:
        pending = coro.send(None)
    except StopIteration as stop:
        return stop.value
    return resume(coro, pending, portal)


def resume(coro: AnyCoroutine, pending: Any, portal: Portal) -> Any:
    """Run the coroutine, which waits for `pending`, to its end."""
    try:
        while True:
            portal.waiter, error = getcurrent(), None
            try:
                # Control goes to the task, which yields `pending` to the event loop.
                portal.hub.switch(pending)
            except BaseException as raised:
                error = raised
            # Outside of `except`, so that the coroutine does not see it as being handled here.
            pending = coro.send(None) if error is None else coro.throw(error)
    except StopIteration as stop:
        return stop.value


@coroutine
def host(
    coro: Coroutine[Any, Any, T],
    on_wait: Callable[[], None] | None = None,
    context: Context | None = None,
) -> Generator[Any, Any, T]:
    """Await the coroutine in a portal; call `on_wait` before it waits for the first time."""
    global _latest_loop
    task = asyncio.current_task() if asyncio._get_running_loop() else None
    if task is None or task in _hosts:
        return (yield from coro.__await__())
    portal = _idle.portals.pop() if _idle.portals else Portal(_work)
    portal.hub = getcurrent()
    portal.gr_context = current_context() if context is None else context
    portal.busy = True
    _hosts[task] = portal
    _latest_loop = task.get_loop()
    try:
        # Control goes to the portal, until the coroutine has ended or something waits.
        pending = portal.switch(coro)
        if portal.busy and on_wait is not None:
            on_wait()
        while portal.busy:
            try:
                yield pending
            except BaseException as error:
                portal.hub = getcurrent()
                pending = portal.waiter.throw(error)
            else:
                portal.hub = getcurrent()
                pending = portal.waiter.switch()
        return cast(T, _outcome(portal))
    finally:
        del _hosts[task]
        _release(portal)


def copy_context_for_thread() -> Context:
    """Copy the context, and note in the copy which event loop the thread belongs to."""
    context = copy_context()
    context.run(_thread_loop.set, asyncio.get_running_loop())
    return context


def serving_loop() -> AbstractEventLoop | None:
    """Return the running event loop that a worker thread belongs to."""
    # A thread that Quart's `run_sync` did not start knows the latest one only.
    loop = _thread_loop.get() or _latest_loop
    return loop if loop is not None and loop.is_running() else None


def _work(coro: AnyCoroutine) -> None:
    """Run coroutines one after the other; the body of every portal."""
    while True:
        portal = cast(Portal, getcurrent())
        try:
            portal.result = drive(coro, portal)
        except BaseException as error:
            portal.failure = error
        portal.busy = False
        hub = portal.hub
        # An idle portal refers to nothing, itself included, so that it can be freed.
        del coro, portal
        # Control goes to the task, and comes back with the next task's coroutine.
        coro = hub.switch()


def _outcome(portal: Portal) -> Any:
    result, portal.result = portal.result, None
    error, portal.failure = portal.failure, None
    if error is None:
        return result
    try:
        raise error
    finally:
        del error


def _release(portal: Portal) -> None:
    portal.waiter = portal.hub  # Not itself: a cycle through a greenlet is never collected.
    if not portal.busy and len(_idle.portals) < MAX_IDLE:
        portal.gr_context = None
        _idle.portals.append(portal)


def current_context() -> Context:
    """Return the context itself, not a copy: both sides see each other's variables."""
    context = getcurrent().gr_context
    if context is None:
        copy_context()  # Gives a fresh thread its context.
        context = getcurrent().gr_context
    return cast(Context, context)


async def call(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call the function in a portal, and await what it returns if that is awaitable."""
    if current_portal() is None:
        return await host(call_here(function, *args, **kwargs))
    result = function(*args, **kwargs)
    return await result if hasattr(type(result), "__await__") else result


async def call_here(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call the function where we are, and await what it returns if that is awaitable."""
    result = function(*args, **kwargs)
    return await result if hasattr(type(result), "__await__") else result


def hosted(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Decorate a coroutine function, a test say, so that sync code it calls can wait."""

    @wraps(function)
    async def in_portal(*args: P.args, **kwargs: P.kwargs) -> T:
        return await host(function(*args, **kwargs))

    return in_portal
