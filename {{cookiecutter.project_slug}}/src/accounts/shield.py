"""The shield: a deed is done, and its line written, although the client has left."""

from asyncio import Task
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from quart import current_app

from flask_patch import finish

from .records import AccountError
from .throttle import TooManyAttempts

T = TypeVar("T")

REFUSALS = (AccountError, TooManyAttempts)


async def shield(deed: Coroutine[Any, Any, T], unheard: Callable[[T], None] = lambda _: None) -> T:
    """Await the deed, which no client's leaving can stop; `unheard` gets what nobody waits for."""

    def look(task: Task[T]) -> None:
        fault = task.exception()
        if fault is None:
            unheard(task.result())
        elif not isinstance(fault, REFUSALS):
            current_app.logger.error("A deed whose client has left failed: %s", fault)

    return await finish(deed, look)
