"""Locks: asyncio's belong to one event loop, and SQLAlchemy's objects are used on several."""

import asyncio
from asyncio import AbstractEventLoop
from typing import Any
from weakref import WeakKeyDictionary


class LoopLock:
    """A lock for each event loop, since asyncio's belong to one."""

    def __init__(self) -> None:
        self._locks: WeakKeyDictionary[AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    def here(self) -> asyncio.Lock:
        """Return the lock of the running event loop."""
        return self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    async def __aenter__(self) -> None:
        await self.here().acquire()

    async def __aexit__(self, *_error: object) -> None:
        self.here().release()


def use_on_all_loops(connection: Any, entry: Any) -> None:
    """Let a connection that belongs to no loop be used on all of them."""
    if hasattr(connection, "_execute_mutex"):
        connection._execute_mutex = LoopLock()


def find_lock(self: Any) -> asyncio.Lock:
    """Return the lock of the running event loop, for what has one of SQLAlchemy's."""
    lock: LoopLock = vars(self).setdefault("_lock", LoopLock())
    return lock.here()
