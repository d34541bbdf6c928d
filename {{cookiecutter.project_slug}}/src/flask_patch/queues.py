"""Queues: whoever waits for a connection gets one in turn.

SQLAlchemy's own gives a connection that has come back to whoever asks next, and who waited is left
to wait on: with 200 requests for 16 connections some waited for as long as there were others.
"""

import asyncio
from asyncio import Future
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar


class ConnectionQueue:
    """The idle connections of a pool on one event loop; SQLAlchemy's interface of a queue."""

    # SQLAlchemy's, once it is there.
    wait: ClassVar[Callable[[Any], Any]]
    Empty: ClassVar[type[Exception]]
    Full: ClassVar[type[Exception]]

    def __init__(self, maxsize: int = 0, use_lifo: bool = False) -> None:
        self.maxsize = maxsize
        self.use_lifo = use_lifo
        self._items: deque[Any] = deque()
        self._waiters: deque[Future[Any]] = deque()

    def qsize(self) -> int:
        """Return how many connections are idle."""
        return len(self._items)

    def empty(self) -> bool:
        """Tell whether no connection is idle."""
        return not self._items

    def full(self) -> bool:
        """Tell whether as many are idle as may be."""
        return 0 < self.maxsize <= len(self._items)

    def waited_for(self) -> bool:
        """Tell whether anybody waits."""
        return any(not waiter.done() for waiter in self._waiters)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Take a connection back, without a wait."""
        self.put_nowait(item)

    def put_nowait(self, item: Any) -> None:
        """Hand the connection to who has waited longest, or keep it."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(item)
                return
        if self.full():
            raise self.Full
        self._items.append(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Return an idle connection, after a wait if need be."""
        if self._items or not block:
            return self.get_nowait()
        return type(self).wait(self._get_in_turn(timeout))

    def get_nowait(self) -> Any:
        """Return an idle connection."""
        if not self._items:
            raise self.Empty
        return self._items.pop() if self.use_lifo else self._items.popleft()

    async def _get_in_turn(self, seconds: float | None) -> Any:
        waiter: Future[Any] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(seconds):
                return await waiter
        except BaseException as error:
            # It may have been handed one in the same turn of the loop.
            if waiter.done() and not waiter.cancelled():
                self.put_nowait(waiter.result())
            if isinstance(error, TimeoutError):
                raise self.Empty from None
            raise
