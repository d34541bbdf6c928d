"""Homes: the event loops that connections to databases were made on, and end with."""

import asyncio
import weakref
from asyncio import AbstractEventLoop
from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any

from .drivers import hurry
from .portals import call
from .waiting import finish_now

TURNS, TURN = 100, 0.01  # Seconds to wait for threads that end: one, at most.


class Home:
    """An event loop, with the connections that are open on it."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        # Held here, and not with what may be forgotten, so that each can be closed.
        self.connections: dict[int, tuple[Any, Any]] = {}
        self.farewell = self._wait_for_end()
        # It gets as far as its `yield`, and the event loop has heard of it.
        with suppress(StopIteration):
            self.farewell.__anext__().__await__().send(None)

    async def _wait_for_end(self) -> AsyncGenerator[None, None]:
        """Wait for the loop to end, which is when it closes its asynchronous generators."""
        try:
            yield
        finally:
            _homes.pop(self.loop, None)
            threads = self._threads()
            await call(self._close_all)
            await asyncio.sleep(0)  # What was dropped is closed by the loop in its next turn.
            for _ in range(TURNS):
                if not any(thread.is_alive() for thread in threads):
                    break
                await asyncio.sleep(TURN)

    def _threads(self) -> list[Thread]:
        """Return the threads of aiosqlite's connections, which report their end to the loop."""
        drivers = (connection.driver_connection for connection, _ in self.connections.values())
        threads = (getattr(driver, "_thread", None) for driver in drivers)
        return [thread for thread in threads if isinstance(thread, Thread)]

    def _close_all(self) -> None:
        for _, entry_of in list(self.connections.values()):
            entry = entry_of()
            fairy = entry and entry.fairy_ref and entry.fairy_ref()
            if fairy and fairy.is_valid:
                # Who has it can only let go of it, which then needs no loop.
                fairy.invalidate()
            elif entry:
                entry.close()


_homes: dict[AbstractEventLoop, Home] = {}
_by_connection: dict[int, Home] = {}


def move_in(connection: Any, entry: Any) -> None:
    """Note a new connection, and the entry in a pool that has it."""
    if not hasattr(connection, "driver_connection"):  # Of a sync driver.
        return
    loop = asyncio.get_running_loop()
    if loop not in _homes:
        for dead in [other for other in list(_homes) if other.is_closed()]:
            for lost, _ in list(_homes.pop(dead).connections.values()):
                move_out(lost)
                drop(lost)
        _homes[loop] = Home(loop)
    key = id(connection)
    home = _by_connection[key] = _homes[loop]
    home.connections[key] = connection, weakref.ref(entry, partial(_forget, key))


def move_out(connection: Any) -> AbstractEventLoop | None:
    """Return the loop of a connection that is about to be closed."""
    home = _by_connection.pop(id(connection), None)
    if home is None:
        return None
    del home.connections[id(connection)]
    return home.loop


def _forget(key: int, _entry_of: Any) -> None:
    """Close a connection whose pool nobody knows any more."""
    connection, _ = _by_connection[key].connections[key]
    let_go(connection)


def let_go(connection: Any) -> None:
    """Close a connection that nobody can use any more, unless that was done."""
    loop = move_out(connection)
    if loop is not None and loop.is_running():
        asyncio.run_coroutine_threadsafe(call(close, connection), loop)
    elif loop is not None:
        drop(connection)


def close(connection: Any) -> None:
    """Close a connection, which may have been ended by its server."""
    try:
        connection.close()
    except Exception:
        drop(connection)


def drop(connection: Any) -> None:
    """End a connection at once, whose loop may be closed."""
    with hurry(), suppress(Exception):
        if hasattr(connection, "terminate"):
            connection.terminate()
        else:  # psycopg's closes without a wait.
            finish_now(connection.driver_connection.close())
