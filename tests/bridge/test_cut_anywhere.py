"""Wherever a wait is cut off, or fails, the pool has its connection again, and nobody else has."""

import asyncio
import gc
import itertools
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import psycopg.waiting
import pytest
from databases import ASYNCPG, PSYCOPG, leftovers
from flask_patch import greenlet_spawn
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.orm import scoped_session, sessionmaker

ONE, ID = text("SELECT 1"), text("SELECT connection_id()")


@pytest.fixture
def engine(url: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    # psycopg gives others a turn where the event loop has been busy for long: here, each time.
    monkeypatch.setattr(psycopg.waiting, "MAX_BUSY_TIME", -1)
    return create_engine(url, pool_size=1, max_overflow=0)


class Cut:
    """Awaits a coroutine, and cancels its task where that waits for the time of this number."""

    def __init__(self, coro: Coroutine[Any, Any, Any], number: int) -> None:
        self.coro, self.left = coro, number

    def __await__(self) -> Generator[Any, Any, Any]:
        waits, resume, value = self.coro.__await__(), "send", None
        while True:
            try:
                pending = getattr(waits, resume)(value)
            except StopIteration as stop:
                return stop.value
            self.left -= 1
            if self.left == 0:
                asyncio.current_task().cancel()
            try:
                resume, value = "send", (yield pending)
            except BaseException as error:
                resume, value = "throw", error


async def wait(cut: Cut) -> None:
    await cut


async def cut_everywhere(function: Callable[[], Any], check: Callable[[], None]) -> int:
    """Call the function once for each of its waits, which is cut off; return their number."""
    for number in itertools.count(1):
        cut = Cut(greenlet_spawn(function), number)
        [result] = await asyncio.gather(wait(cut), return_exceptions=True)
        check()
        if cut.left > 0:
            return number - 1
        assert isinstance(result, asyncio.CancelledError)


async def test_connection_comes_back_wherever_its_use_is_cut_off(url, engine, caplog):
    reader = engine.execution_options(isolation_level="AUTOCOMMIT")

    def use() -> None:
        with reader.connect() as connection:
            connection.execute(ONE)

    def check() -> None:
        assert engine.pool.checkedout() == 0
        assert engine.pool.overflow() == engine.pool.checkedin() - 1

    assert await cut_everywhere(use, check) > 2
    await greenlet_spawn(use)
    await greenlet_spawn(engine.dispose)
    gc.collect()
    assert caplog.messages == []


async def test_session_is_closed_and_removed_wherever_that_is_cut_off(url, engine, caplog):
    sessions = scoped_session(sessionmaker(engine), scopefunc=lambda: "the request")

    def use() -> None:
        try:
            sessions.execute(ONE)
        finally:
            sessions.remove()

    def check() -> None:
        assert engine.pool.checkedout() == 0
        assert not sessions.registry.has()

    assert await cut_everywhere(use, check) > 2
    await greenlet_spawn(engine.dispose)
    gc.collect()
    assert caplog.messages == []


@pytest.mark.parametrize("url", ["mysql+asyncmy", "mysql+aiomysql"], indirect=True)
async def test_connection_that_ends_before_its_settings_are_changed_back_is_replaced(url, caplog):
    engine = create_engine(url, pool_size=1, max_overflow=0, pool_reset_on_return=None)
    reader = engine.execution_options(isolation_level="AUTOCOMMIT")

    def end() -> int:
        with reader.connect() as connection:
            number = connection.scalar(ID)
            connection.commit()
            watcher = create_engine(url, poolclass=NullPool)
            with watcher.connect() as other:
                other.exec_driver_sql(f"KILL {number}")
        return number

    ended = await greenlet_spawn(end)
    assert engine.pool.checkedout() == 0
    assert caplog.messages == ["Exception during reset or similar"]
    assert await greenlet_spawn(end) != ended


@pytest.mark.filterwarnings("ignore:The garbage collector:sqlalchemy.exc.SAWarning")
@pytest.mark.parametrize("url", [ASYNCPG, PSYCOPG], indirect=True)
async def test_connection_that_is_forgotten_is_closed(url, engine):
    def forget() -> None:
        engine.connect().execute(ONE)

    await greenlet_spawn(forget)
    gc.collect()
    assert engine.pool.checkedout() == 0
    assert await asyncio.to_thread(leftovers, url) == []
