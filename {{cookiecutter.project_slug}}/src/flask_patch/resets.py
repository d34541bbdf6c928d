"""Resets: what a pool does to its connections goes on to its end, though nobody waits for it.

A reset that is broken off throws its connection away, with a traceback in the log, and connecting
anew leaves exceptions that nobody retrieves.
"""

from collections.abc import Callable
from typing import Any

from .drivers import can_wait_on_loop
from .finishing import finish, put_off
from .portals import call


def patch_resets(fairy: Any, concurrency: Any) -> None:
    """Make SQLAlchemy's connections finish their resets before they are cancelled."""
    native = fairy._reset

    def reset(self: Any, pool: Any, **given: Any) -> None:
        waits = pool._dialect.is_async and not given["transaction_was_reset"]
        if not waits or not can_wait_on_loop():
            native(self, pool, **given)
            return
        # In a greenlet of its own, so that what it waits for comes by here; a task costs more.
        spawned = concurrency.greenlet_spawn(native, self, pool, **given)
        concurrency.await_only(put_off(spawned))

    fairy._reset = reset


def patch_renewals(record: Any, wait: Callable[..., Any]) -> None:
    """Make SQLAlchemy's pools connect to the end in place of a connection that is invalid."""
    native = record._ConnectionRecord__connect

    def connect(self: Any) -> None:
        dialect = self._ConnectionRecord__pool._dialect
        if dialect.is_async and can_wait_on_loop():
            # Cancelled after it, the pool takes the connection back.
            wait(finish(call(native, self)))
        else:
            native(self)

    record._ConnectionRecord__connect = connect
