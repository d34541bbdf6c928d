"""Waiting: how sync code gets the result of a coroutine, and who gets which."""

import asyncio
import sys
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_ITERABLE_COROUTINE, iscoroutine
from types import CodeType
from typing import Any, NoReturn, ParamSpec, TypeVar, cast

from jinja2.runtime import Context as TemplateContext

from .portals import (
    AnyCoroutine,
    call,
    call_here,
    current_portal,
    drive,
    resume,
    serving_loop,
)
from .runners import own_loop, own_runner, run_beside

T = TypeVar("T")
P = ParamSpec("P")

ASYNC = CO_COROUTINE | CO_ASYNC_GENERATOR | CO_ITERABLE_COROUTINE
_INLINE_NAMES = {"<lambda>", "<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>"}
_SYNC_CALLERS = {call.__code__, call_here.__code__}
# Functions that call on behalf of their caller.
TRANSPARENT: set[CodeType] = {TemplateContext.call.__code__}


def await_only(awaitable: Awaitable[T]) -> T:
    """Wait for the awaitable in sync code and return its result.

    In a worker thread, wait for the event loop of the request; where no event loop runs at all,
    for one that runs meanwhile. Raise RuntimeError in a task that no portal hosts, unless the
    awaitable needs no waiting.
    """
    coro = as_coroutine(awaitable)
    if asyncio._get_running_loop() is None and own_loop() is None:
        loop = serving_loop()
        if loop is not None:
            return cast(T, asyncio.run_coroutine_threadsafe(coro, loop).result())
    return cast(T, wait_here(coro))


async def greenlet_spawn(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call the sync function so that it can wait, with :func:`await_only` or Flask's API."""
    return cast(T, await call(function, *args, **kwargs))


def wait_here(coro: AnyCoroutine) -> Any:
    """Wait for the coroutine in this thread, and in this context."""
    portal = current_portal()
    if portal is not None:
        return drive(coro, portal)
    if asyncio._get_running_loop() is None and (own_loop() or serving_loop() is None):
        with own_runner() as runner:
            return run_beside(runner, coro)
    return finish_now(coro)


async def within(seconds: float | None, coro: Coroutine[Any, Any, T]) -> T:
    """Await the coroutine; raise TimeoutError when it waits for longer than that.

    A timer, which costs more than most responses do to send, is set where the coroutine itself has
    to wait; sync code that it calls must not.
    """
    portal = current_portal()
    if portal is None:
        async with asyncio.timeout(seconds):
            return await coro
    try:
        pending = coro.send(None)
    except StopIteration as stop:
        return cast(T, stop.value)
    async with asyncio.timeout(seconds):  # noqa: ASYNC100  # it waits through the portal
        return cast(T, resume(coro, pending, portal))


def as_coroutine(awaitable: Awaitable[Any]) -> AnyCoroutine:
    """Return a coroutine that awaits the awaitable: itself, if it is one."""
    return awaitable if iscoroutine(awaitable) else _await(awaitable)


async def _await(awaitable: Awaitable[T]) -> T:
    return await awaitable


def finish_now(coro: AnyCoroutine) -> Any:
    """Run to its end a coroutine that needs no event loop to wait for."""
    try:
        coro.send(None)
    except StopIteration as stop:
        return stop.value
    refuse(coro, RuntimeError)


def refuse(coro: AnyCoroutine, error: type[Exception]) -> NoReturn:
    """Close a coroutine that would have to wait where that is impossible; say what to do."""
    coro.close()
    raise error(
        f"{coro!r} has to wait for the event loop, and sync code cannot do that here. "
        "Is it called from a task that you started? Call it with `await greenlet_spawn(...)`, "
        "or await the coroutine from async code."
    )


def called_by_async(depth: int = 2) -> bool:
    """Return whether the function `depth` levels up is a coroutine or an async generator."""
    frame = caller = sys._getframe(depth)
    while not frame.f_code.co_flags & ASYNC:
        if frame.f_code.co_name not in _INLINE_NAMES and frame.f_code not in TRANSPARENT:
            return False
        if frame.f_back is None:
            return False
        frame = frame.f_back
    # A lambda in async code is part of it, but a view or hook that is one is sync code.
    return frame is caller or frame.f_code not in _SYNC_CALLERS


def dual(
    function: Callable[P, Coroutine[Any, Any, T]], wait: Callable[[Any], Any] = await_only
) -> Callable[P, Any]:
    """Give async callers the function's coroutine, and sync callers its result."""

    @wraps(function)
    def answer(*args: P.args, **kwargs: P.kwargs) -> Any:
        if sys._getframe(1).f_code.co_flags & ASYNC or called_by_async():
            return function(*args, **kwargs)
        return wait(function(*args, **kwargs))

    return answer


def answer(function: Callable[..., Coroutine[Any, Any, Any]], /, *args: Any, **kwargs: Any) -> Any:
    """Call the coroutine function, for an async caller or a sync one."""
    coro = function(*args, **kwargs)
    return coro if called_by_async() else await_only(coro)


def either(native: Callable[P, Any], sync: Callable[..., Any]) -> Callable[P, Any]:
    """Call the native function for async callers, and the other one for sync callers."""

    @wraps(native)
    def answer(*args: P.args, **kwargs: P.kwargs) -> Any:
        return (native if called_by_async() else sync)(*args, **kwargs)

    return answer


def iterate(iterable: AsyncIterable[T]) -> Iterator[T]:
    """Iterate over the async iterable in sync code."""
    iterator = iterable.__aiter__()
    with lasting_loop():
        while True:
            try:
                yield await_only(iterator.__anext__())
            except StopAsyncIteration:
                return


def lasting_loop() -> AbstractContextManager[Any]:
    """Keep one event loop meanwhile: one that ends closes the async generators begun on it."""
    running = asyncio._get_running_loop() is not None or serving_loop() is not None
    return nullcontext() if running else own_runner()
