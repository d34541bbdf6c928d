"""Finishing: what must not be broken off goes on to its end, although the client has left."""

import asyncio
from asyncio import Task
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .portals import hosted

T = TypeVar("T")


async def finish(coro: Coroutine[Any, Any, T], unheard: Callable[[Task[T]], None]) -> T:
    """Await the coroutine in a task of its own, which goes on although this one is cancelled.

    A client that leaves cancels the task of its request. What was begun comes to its end even then;
    `unheard` is called with the task that did it, and only after that is this one cancelled.
    """

    @hosted
    async def do() -> T:
        return await coro

    task, cancelled = asyncio.create_task(do()), None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        unheard(task)
    raise cancelled
