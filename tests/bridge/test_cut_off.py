"""A request that is cancelled at any moment leaves its connection to nobody, and no noise."""

import asyncio
import gc
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from databases import AIOSQLITE, ASYNCPG, PSYCOPG, connections
from flask_patch import await_only, finish, finishing, greenlet_spawn, hosted, threads
from flask_patch.finishing import put_off
from quart.utils import run_sync
from sqlalchemy import create_engine, text

SLEEP = text("SELECT pg_sleep(0.05)")
on_postgresql = pytest.mark.parametrize("url", [ASYNCPG, PSYCOPG], indirect=True)


def sleep(engine: Any) -> None:
    with engine.connect() as connection:
        connection.execute(SLEEP)


async def cut_off(
    engine: Any, seconds: float = 0, again: float | None = None, turns: int = 1
) -> None:
    task = asyncio.create_task(greenlet_spawn(sleep, engine))
    for _ in range(turns):
        await asyncio.sleep(seconds)
    task.cancel()
    if again is not None:
        await asyncio.sleep(again)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@on_postgresql
async def test_connecting_that_is_cut_off_makes_no_noise(url, caplog):
    for number in range(60):
        engine = create_engine(url)
        await cut_off(engine, turns=number)
        assert engine.pool.checkedout() == 0
        await greenlet_spawn(engine.dispose)
    await asyncio.sleep(0.2)
    gc.collect()
    assert caplog.messages == []


@on_postgresql
@pytest.mark.parametrize("again", [None, 0, 0.001])
async def test_query_that_is_cut_off_makes_no_noise(url, caplog, again):
    engine = create_engine(url, pool_size=3, max_overflow=0)
    # Else a busy machine cuts off nothing but connecting.
    await greenlet_spawn(sleep, engine)
    for _ in range(10):
        cuts = [cut_off(engine, 0.005 * number, again) for number in range(20)]
        await asyncio.gather(*cuts, return_exceptions=True)
    await greenlet_spawn(sleep, engine)
    assert engine.pool.checkedout() == 0
    assert set(await asyncio.to_thread(connections, url)) <= {"idle"}
    await greenlet_spawn(engine.dispose)
    gc.collect()
    assert caplog.messages == []


@pytest.mark.parametrize("url", [PSYCOPG, AIOSQLITE], indirect=True)
async def test_transaction_that_is_cut_off_makes_no_noise(url, caplog):
    def insert(statement: str = "INSERT INTO numbers VALUES (1)") -> None:
        with engine.begin() as connection:
            connection.execute(text(statement))

    engine = create_engine(url, pool_size=3, max_overflow=0)
    await greenlet_spawn(insert, "CREATE TABLE numbers (number INTEGER)")
    for _ in range(15):
        tasks = [asyncio.create_task(greenlet_spawn(insert)) for _ in range(20)]
        for task in tasks:
            await asyncio.sleep(0.001)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await greenlet_spawn(insert)
    assert engine.pool.checkedout() == 0
    await greenlet_spawn(engine.dispose)
    gc.collect()
    assert caplog.messages == []


@hosted
async def test_cancellation_that_is_put_off_comes_later_and_a_timeout_is_still_one():
    done = []

    async def deed() -> str:
        await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        done.append(True)
        return "done"

    task = asyncio.current_task()
    asyncio.get_running_loop().call_later(0.01, task.cancel)
    assert await put_off(deed()) == "done"
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(0)
    task.uncancel()

    async def late() -> None:
        async with asyncio.timeout(0.01):
            await put_off(deed())
            await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        await late()
    assert done == [True, True]
    assert await put_off(deed()) == "done"


@hosted
async def test_what_takes_too_long_once_it_is_cancelled_is_cancelled_after_all(monkeypatch):
    monkeypatch.setattr(finishing, "GRACE", 0.01)

    async def hang() -> None:
        await asyncio.Event().wait()

    async def hang_for_a_while() -> None:
        async with asyncio.timeout(0.01):
            await hang()

    task = asyncio.create_task(put_off(hang()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(TimeoutError):
        await put_off(hang_for_a_while())
    assert asyncio.current_task().cancelling() == 0
    await asyncio.sleep(0)


@hosted
async def test_what_has_begun_is_finished_although_it_is_cancelled_twice():
    done, unheard = [], []

    async def deed() -> str:
        await_only(asyncio.sleep(0.05))
        done.append(True)
        return "done"

    task = asyncio.create_task(finish(deed(), lambda ended: unheard.append(ended.result())))
    for _ in range(2):
        await asyncio.sleep(0.01)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (done, unheard) == ([True], ["done"])
    assert await finish(deed(), lambda _: unheard.append("heard")) == "done"
    assert unheard == ["done"]


@hosted
async def test_fault_of_what_is_finished_is_raised_or_handed_over():
    faults = []

    async def deed() -> None:
        await asyncio.sleep(0.02)
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        await finish(deed(), lambda _: None)
    task = asyncio.create_task(finish(deed(), lambda ended: faults.append(ended.exception())))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [str(fault) for fault in faults] == ["wrong"]


async def test_request_lasts_as_long_as_its_thread():
    ended = []

    @run_sync
    def work() -> None:
        time.sleep(0.1)
        ended.append(True)

    task = asyncio.create_task(work())
    for _ in range(2):
        await asyncio.sleep(0.02)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


async def test_work_that_no_thread_has_begun_is_cancelled_at_once(monkeypatch):
    ended = []
    with ThreadPoolExecutor(1) as one:
        monkeypatch.setattr(threads, "workers", one)
        work = run_sync(lambda: (time.sleep(0.1), ended.append(True)))
        first, second = asyncio.create_task(work()), asyncio.create_task(work())
        await asyncio.sleep(0.02)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert ended == []
        await first
    assert ended == [True]
