"""Resets: what is done to connections between two uses is done to its end, though nobody waits.

A reset that is broken off throws its connection away, with a traceback in the log, and connecting
anew leaves exceptions that nobody retrieves. SQLAlchemy loses sight of a connection whose settings
it changes, or changes back, when that is broken off: the pool has one less from then on.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from .drivers import can_wait_on_loop, hurry
from .finishing import finish, unbroken
from .homes import let_go
from .portals import call

ENTRY = 1  # Which argument of SQLAlchemy's `_finalize_fairy` is a connection's entry in its pool.


@unbroken
def _change_back(entry: Any) -> None:
    """Undo what was set for one use of the connection, as its isolation level."""
    while entry.dbapi_connection is not None and entry.finalize_callback:
        entry.finalize_callback.pop()(entry.dbapi_connection)


def _return_in_any_case(native: Callable[..., None]) -> Callable[..., None]:
    def checkin(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            _change_back(self)
        except BaseException as error:
            # As SQLAlchemy itself does with a connection that it cannot roll back.
            pool = self._ConnectionRecord__pool
            pool.logger.error("Exception during reset or similar", exc_info=True)
            self.invalidate(e=error)
            if not isinstance(error, Exception):
                raise
        finally:
            native(self, *args, **kwargs)

    return checkin


def _connect_to_the_end(
    wait: Callable[..., Any], native: Callable[..., None]
) -> Callable[..., None]:
    def connect(self: Any) -> None:
        dialect = self._ConnectionRecord__pool._dialect
        if dialect.is_async and can_wait_on_loop():
            # Cancelled after it, the pool takes the connection back.
            wait(finish(call(native, self)))
        else:
            native(self)

    return connect


def _finalize_in_a_hurry(native: Callable[..., None]) -> Callable[..., None]:
    def finalize(*args: Any, fairy: Any = None, **kwargs: Any) -> None:
        if fairy is not None:
            return native(*args, fairy=fairy, **kwargs)
        entry = args[ENTRY]
        connection = entry.dbapi_connection
        # The garbage collector calls from anywhere, in the middle of a switch too.
        with hurry():
            native(*args, **kwargs)
        if entry.dbapi_connection is not connection:
            # SQLAlchemy only forgets one of psycopg's, and the home would keep it.
            let_go(connection)

    return finalize


def patch_resets(base: Any, wait: Callable[..., Any]) -> None:
    """Let SQLAlchemy's pools get back each connection, and change it undisturbed."""
    record, fairy = base._ConnectionRecord, base._ConnectionFairy
    record.checkin = _return_in_any_case(record.checkin)
    record._ConnectionRecord__connect = _connect_to_the_end(wait, record._ConnectionRecord__connect)
    fairy._reset = unbroken(fairy._reset)
    base._finalize_fairy = _finalize_in_a_hurry(base._finalize_fairy)
    dialect = import_module("sqlalchemy.engine.default").DefaultDialect
    dialect._set_connection_characteristics = unbroken(dialect._set_connection_characteristics)
    connection = import_module("sqlalchemy.engine.base").Connection
    connection._rollback_impl = unbroken(connection._rollback_impl)
