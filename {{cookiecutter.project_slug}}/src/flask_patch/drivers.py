"""Drivers: SQLAlchemy's async drivers wait in sync code, wherever that can wait."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import local
from types import FunctionType, ModuleType
from typing import Any

from greenlet import getcurrent

from .finishing import cancelled_once, is_unbroken, put_off
from .functions import repoint
from .portals import current_portal, drive
from .threads import keep_loop
from .waiting import as_coroutine, await_only, refuse

CANCEL_TIMEOUT = 10  # Seconds to wait until the server has been asked to cancel a query.
# `await_` is new in SQLAlchemy 2.1, and `await_fallback` gone.
NAMES = {"await_", "await_only", "await_fallback"}


class _Thread(local):
    hurried = False


_thread = _Thread()


@contextmanager
def hurry() -> Iterator[None]:
    """Have connections ended at once, without a word to the server that would need waiting."""
    before, _thread.hurried = _thread.hurried, True
    try:
        yield
    finally:
        _thread.hurried = before


def hurried() -> bool:
    """Tell whether nothing may wait here, as in the garbage collector."""
    return _thread.hurried


def can_wait() -> bool:
    """Tell whether a driver can wait here: in a greenlet of SQLAlchemy's, a portal or a thread."""
    if _thread.hurried:
        return False
    if getattr(getcurrent(), "__sqlalchemy_greenlet_provider__", False):
        return True
    return current_portal() is not None or asyncio._get_running_loop() is None


def can_wait_on_loop() -> bool:
    """Tell whether a driver can wait here for the running event loop."""
    return asyncio._get_running_loop() is not None and can_wait()


def _make_wait(native: Callable[..., Any], error: type[Exception]) -> Callable[..., Any]:
    def wait(awaitable: Awaitable[Any]) -> Any:
        current, coro = getcurrent(), as_coroutine(awaitable)
        if getattr(current, "__sqlalchemy_greenlet_provider__", False):
            # Control goes to SQLAlchemy's `greenlet_spawn`, which may itself be in a portal.
            return native(put_off(coro) if is_unbroken(current) else coro)
        portal = current_portal()
        if portal is not None:
            return drive(put_off(coro) if is_unbroken(current) else coro, portal)
        if asyncio._get_running_loop() is not None:
            # Not begun, unlike other coroutines: what is half sent would spoil the connection.
            refuse(coro, error)
        keep_loop()
        return await_only(coro)

    return wait


def _copy(function: FunctionType) -> FunctionType:
    return FunctionType(function.__code__, function.__globals__, function.__name__)


def patch_drivers(module: ModuleType) -> None:
    """Make the module's functions that wait, and those that ask whether they can, do so here."""
    exceptions: Any = import_module("sqlalchemy.exc")
    # Both what SQLAlchemy raises there and what the bridge does.
    error = type("CannotWait", (exceptions.MissingGreenlet, RuntimeError), {})
    # A set: in SQLAlchemy 2.1 one function goes by two names.
    for function in {vars(module)[name] for name in NAMES & vars(module).keys()}:
        repoint(function, _make_wait(_copy(function), error))
    repoint(vars(module)["in_greenlet"], can_wait)


def _accept_strings(_self: Any, _dialect: Any) -> Callable[[Any], Any]:
    def process(value: Any) -> Any:
        if type(value) is str and value.strip().lstrip("+-").isdecimal():
            return int(value)
        return value

    return process


def _cancelled_first(
    native: Callable[[Any], Coroutine[Any, Any, None]],
) -> Callable[[Any], Coroutine[Any, Any, None]]:
    async def close(self: Any) -> None:
        # asyncpg asks the server to cancel a query on a connection of its own; broken off, that one
        # leaves an exception which nobody retrieves.
        asking = set(getattr(self._connection, "_cancellations", ()))
        if asking:
            await asyncio.wait(asking, timeout=CANCEL_TIMEOUT)
        await native(self)

    return close


def patch_asyncpg(dialect: Any) -> None:
    """Take a number that is a string, as the other drivers do; end what is cancelled quietly."""
    for name in ("AsyncpgInteger", "AsyncpgSmallInteger", "AsyncpgBigInteger"):
        getattr(dialect, name).bind_processor = _accept_strings
    adapted = dialect.AsyncAdapt_asyncpg_connection
    adapted._terminate_graceful_close = _cancelled_first(adapted._terminate_graceful_close)


def patch_psycopg(psycopg: Any) -> None:
    """Let a query that is cancelled be ended at the server, though it is cancelled again."""
    native = psycopg.AsyncConnection.wait

    async def wait(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await cancelled_once(native(self, *args, **kwargs))

    psycopg.AsyncConnection.wait = wait
