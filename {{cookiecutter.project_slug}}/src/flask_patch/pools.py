"""Pools: SQLAlchemy's connections are used on the event loop that they were made on.

A pool for async drivers keeps its queue and its count by event loop. Where no loop runs, as in a
thread, its work is done on the one that serves.
"""

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Callable
from importlib import import_module
from typing import Any

from .drivers import can_wait, can_wait_on_loop, hurried
from .finishing import finish
from .homes import close, drop, move_in, move_out
from .locks import find_lock, use_on_all_loops
from .portals import call
from .queues import ConnectionQueue
from .resets import patch_resets
from .threads import find_loop
from .waiting import await_only

SHARE = "flask_patch.share"


class Share:
    """What a pool has on one event loop."""

    def __init__(self, loop: AbstractEventLoop | None, queue: Any) -> None:
        self.loop = loop
        self.queue = queue
        self.overflow: int = -queue.maxsize
        self.disposed = False

    def take_back(self, entry: Any) -> None:
        """Take back a connection that is no longer in use."""
        if self.queue.full() or (self.disposed and not self.queue.waited_for()):
            try:
                entry.close()
            finally:
                self.overflow -= 1
        else:
            self.queue.put_nowait(entry)

    def dispose(self) -> None:
        """Close the idle connections now, and those in use when they come back."""
        self.disposed = True
        while not self.queue.empty():
            self.queue.get_nowait().close()


def _share_of(pool: Any) -> Share:
    """Return what the pool has on the current event loop."""
    loop = find_loop()
    shares: dict[AbstractEventLoop | None, Share] = vars(pool).setdefault("_shares", {})
    if loop not in shares:
        for dead in [each for each in list(shares) if each is not None and each.is_closed()]:
            del shares[dead]
        first = vars(pool)["_pool"]
        shares[loop] = Share(loop, pool._queue_class(first.maxsize, use_lifo=first.use_lifo))
    return shares[loop]


def _on(loop: AbstractEventLoop | None, function: Callable[..., Any], *args: Any) -> None:
    """Call the function, which may wait, on the event loop, be it another thread's."""
    running = asyncio._get_running_loop()
    if loop is None or loop is running or loop.is_closed():
        function(*args)
    elif running is None and not hurried():
        await_only(call(function, *args))
    elif loop.is_running():
        asyncio.run_coroutine_threadsafe(call(function, *args), loop)
    else:
        function(*args)


def _connect_in(wait: Callable[..., Any], native: Callable[[Any], Any]) -> Callable[[Any], Any]:
    async def connect_in_portal(pool: Any) -> Any:
        return await call(native, pool)

    def connect(self: Any) -> Any:
        if self._dialect.is_async and not can_wait_on_loop():
            return wait(connect_in_portal(self))
        return native(self)

    return connect


def _make_in(wait: Callable[..., Any], native: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make a connection to its end, though nobody waits for it: a half-made one is noisy."""

    def create_connection(self: Any) -> Any:
        if self._dialect.is_async and can_wait_on_loop():
            return wait(finish(call(native, self), _close_unheard))
        return native(self)

    return create_connection


def _close_unheard(made: asyncio.Task[Any]) -> None:
    if made.exception() is None:
        closing = call(made.result().close)
        asyncio.run_coroutine_threadsafe(closing, asyncio.get_running_loop())


def _close_on_loop(wait: Callable[..., Any], native: Callable[..., None]) -> Callable[..., None]:
    def close_connection(self: Any, connection: Any, *, terminate: bool = False) -> None:
        loop = move_out(connection)
        if loop is None:
            native(self, connection, terminate=terminate)
        elif loop.is_closed():
            drop(connection)
        elif terminate and can_wait() and loop is asyncio._get_running_loop():
            wait(finish(call(native, self, connection, terminate=True)))
        elif terminate:
            _on(loop, lambda: native(self, connection, terminate=True))
        else:
            _on(loop, close, connection)

    return close_connection


def _create_in_share(native: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def create_connection(self: Any) -> Any:
        entry = native(self)
        entry.record_info[SHARE] = _share_of(self)
        return entry

    return create_connection


def _return_to_share(self: Any, entry: Any) -> None:
    share: Share = entry.record_info[SHARE]
    _on(share.loop, share.take_back, entry)


def _dispose_in(wait: Callable[..., Any]) -> Callable[[Any], None]:
    def dispose(self: Any) -> None:
        shares = vars(self).get("_shares", {})
        share = shares.get(find_loop())
        if share is not None:
            wait(call(share.dispose))
            del shares[share.loop]

    return dispose


def _set_first_queue(self: Any, queue: Any) -> None:
    vars(self)["_pool"] = queue


def _set_overflow(self: Any, overflow: int) -> None:
    _share_of(self).overflow = overflow


def patch_pools(concurrency: Any) -> None:
    """Make SQLAlchemy's pools for async drivers keep to their event loops."""
    base: Any = import_module("sqlalchemy.pool.base")
    pools: Any = import_module("sqlalchemy.pool")
    listen = import_module("sqlalchemy.event").listen
    patch_resets(base, concurrency.await_only)
    pools.Pool.connect = _connect_in(concurrency.await_only, pools.Pool.connect)
    pools.Pool._create_connection = _make_in(concurrency.await_only, pools.Pool._create_connection)
    pools.Pool._close_connection = _close_on_loop(
        concurrency.await_only, pools.Pool._close_connection
    )
    for pool in (pools.AsyncAdaptedQueuePool, pools.NullPool):
        listen(pool, "connect", move_in, asyncio=False)  # SQLAlchemy's default fails on a class.
    # One connection for all: a database in memory, of aiosqlite, which belongs to no loop.
    listen(pools.StaticPool, "connect", use_on_all_loops)
    queues: Any = import_module("sqlalchemy.util.queue")
    ConnectionQueue.Empty, ConnectionQueue.Full = queues.Empty, queues.Full
    ConnectionQueue.wait = concurrency.await_only
    adapted = pools.AsyncAdaptedQueuePool
    for cls in (adapted, *adapted.__subclasses__()):
        cls._queue_class = ConnectionQueue
    adapted._pool = property(lambda self: _share_of(self).queue, _set_first_queue)
    adapted._overflow = property(lambda self: _share_of(self).overflow, _set_overflow)
    adapted._create_connection = _create_in_share(adapted._create_connection)
    adapted._do_return_conn = _return_to_share
    adapted.dispose = _dispose_in(concurrency.await_only)
    # Held while an engine makes its first connection.
    concurrency.AsyncAdaptedLock.mutex = property(find_lock)
