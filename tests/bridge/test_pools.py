"""A connection is used on the event loop that it was made on, and ends with it."""

import asyncio
import gc
import threading
from typing import Any

import pytest
import sqlalchemy
import uvloop
from databases import ASYNCPG, DRIVERS, connections, leftovers
from flask_patch import await_only, greenlet_spawn, homes
from quart.utils import run_sync
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session
from test_import import run

ONE = text("SELECT 1")
PID = text("SELECT pg_backend_pid()")
on_postgres = pytest.mark.parametrize("url", DRIVERS[:2], indirect=True)
on_asyncpg = pytest.mark.parametrize("url", [ASYNCPG], indirect=True)


def query(engine: Any, statement: Any = ONE) -> Any:
    with engine.connect() as connection:
        return connection.scalar(statement)


async def queries(engine: Any, number: int = 8) -> list[Any]:
    return await asyncio.gather(*[greenlet_spawn(query, engine) for _ in range(number)])


def test_loops_one_after_the_other_share_an_engine(engine):
    assert query(engine) == 1
    for _ in range(3):
        assert asyncio.run(queries(engine)) == [1] * 8
        assert query(engine) == 1
    assert engine.pool.checkedout() == 0


def test_loops_at_the_same_time_share_an_engine(engine):
    found: list[Any] = []

    def thread() -> None:
        for _ in range(5):
            found.extend(asyncio.run(queries(engine)))

    threads = [threading.Thread(target=thread) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [1] * 120


@on_postgres
def test_connections_end_with_their_loop(url, engine):
    open_then: list[str] = []

    async def main() -> None:
        await queries(engine)
        open_then.extend(connections(url))

    asyncio.run(main())
    assert len(open_then) >= 5
    assert leftovers(url) == []


@on_asyncpg
def test_any_event_loop_will_do(url, engine):
    for factory in (uvloop.new_event_loop, asyncio.new_event_loop) * 2:
        with asyncio.Runner(loop_factory=factory) as runner:
            assert runner.run(queries(engine)) == [1] * 8
        assert leftovers(url) == []


@on_postgres
def test_connections_without_a_pool_work_and_end_too(url):
    engine = create_engine(url, poolclass=sqlalchemy.NullPool)
    assert query(engine) == 1
    assert asyncio.run(queries(engine)) == [1] * 8
    assert leftovers(url) == []


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@on_asyncpg
def test_a_loop_that_was_closed_without_a_word_is_got_over(url, engine):
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(queries(engine)) == [1] * 8
    loop.close()
    assert asyncio.run(queries(engine)) == [1] * 8
    gc.collect()
    assert leftovers(url) == []


@on_postgres
def test_a_session_that_outlives_its_loop_is_closed_quietly(url, engine, caplog):
    session = Session(engine)
    asyncio.run(greenlet_spawn(session.execute, ONE))
    assert leftovers(url) == []
    session.close()
    assert session.scalar(ONE) == 1
    session.close()
    assert caplog.messages == []


@on_postgres
async def test_an_engine_that_is_forgotten_leaves_no_connection(url):
    engine = create_engine(url)
    await queries(engine)
    del engine
    gc.collect()
    assert await asyncio.to_thread(leftovers, url) == []


@on_postgres
def test_an_engine_that_a_script_forgets_leaves_no_connection(url):
    engine = create_engine(url)
    query(engine)
    assert connections(url) == ["idle"]
    del engine
    gc.collect()
    assert query(create_engine(url)) == 1  # Gives the loop a turn.
    gc.collect()


@on_postgres
async def test_an_engine_is_disposed_of_in_a_portal_and_in_a_thread(app, text, url, engine):
    @app.get("/portal")
    def portal():
        query(engine)
        engine.dispose()
        return str(len(leftovers(url)))

    @app.get("/thread")
    @run_sync
    def thread():
        query(engine)
        engine.dispose()
        return str(len(leftovers(url)))

    await queries(engine)
    assert len(connections(url)) >= 5
    assert await text("/portal") == "0"
    await queries(engine)
    assert await text("/thread") == "0"
    await queries(engine)
    with pytest.raises(RuntimeError, match="greenlet_spawn"):
        engine.dispose()


@on_asyncpg
async def test_those_who_wait_for_a_connection_get_one_in_turn(url):
    engine, order = create_engine(url, pool_size=1, max_overflow=0), []

    def take(name: int) -> None:
        for _ in range(3):
            query(engine)
            order.append(name)

    await asyncio.gather(*[greenlet_spawn(take, name) for name in range(5)])
    assert order == [0, 1, 2, 3, 4] * 3


@on_asyncpg
async def test_a_wait_that_is_given_up_loses_no_connection(url):
    engine = create_engine(url, pool_size=1, max_overflow=0)

    async def give_up(turns: int) -> None:
        task = asyncio.create_task(greenlet_spawn(query, engine))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for turns in range(60):
        await asyncio.gather(greenlet_spawn(query, engine), give_up(turns), give_up(turns + 1))
    assert engine.pool.checkedout() == 0
    assert await queries(engine, 3) == [1] * 3


@on_asyncpg
async def test_those_who_wait_when_an_engine_is_disposed_of_are_served(url):
    engine = create_engine(url, pool_size=1, max_overflow=0)

    def dispose() -> int:
        with engine.connect() as connection:
            await_only(asyncio.sleep(0.01))
            engine.dispose()
            return connection.scalar(ONE)

    assert await asyncio.gather(greenlet_spawn(dispose), queries(engine, 3)) == [1, [1] * 3]
    assert leftovers(url) in ([], ["idle"])


@on_asyncpg
async def test_what_is_known_of_connections_goes_with_them(url, engine):
    known = len(homes._by_connection)
    for _ in range(20):
        await queries(engine)
        await greenlet_spawn(engine.dispose)
    unpooled = create_engine(url, poolclass=sqlalchemy.NullPool)
    await queries(unpooled)
    assert len(homes._by_connection) == known


@on_asyncpg
async def test_a_connection_in_use_outlives_the_disposal_of_its_engine(url, engine):
    def use() -> int:
        with engine.connect() as connection:
            engine.dispose()
            return connection.scalar(ONE)

    assert await greenlet_spawn(use) == 1
    assert leftovers(url) == []


@on_asyncpg
async def test_an_async_engine_works_and_is_disposed_of_as_documented(url):
    engine = create_async_engine(url, pool_size=2, max_overflow=1)

    async def use() -> int:
        async with engine.connect() as connection:
            return (await connection.execute(ONE)).scalar_one()

    assert await asyncio.gather(*[use() for _ in range(9)]) == [1] * 9
    assert engine.pool.checkedin() == 2
    assert "Pool size: 2  Connections in pool: 2" in engine.pool.status()
    await engine.dispose()
    assert leftovers(url) == []
    assert await use() == 1


def test_a_database_in_memory_is_one_for_all_loops():
    engine = create_engine("sqlite+aiosqlite://")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE thing (id INTEGER)")
        connection.exec_driver_sql("INSERT INTO thing VALUES (7)")
    seven = text("SELECT id FROM thing")

    async def main() -> list[int]:
        return await asyncio.gather(*[greenlet_spawn(query, engine, seven) for _ in range(9)])

    assert asyncio.run(main()) == asyncio.run(main()) == [7] * 9
    assert query(engine, seven) == 7
    engine.dispose()


@on_asyncpg
async def test_a_command_and_requests_share_an_engine_but_no_connection(app, text, engine):
    @app.get("/")
    def index():
        return str(query(engine, PID))

    @app.cli.command("pid")
    def command():
        print(query(engine, PID))

    def invoke() -> str:
        return app.test_cli_runner().invoke(args=["pid"]).output.strip()

    of_request = await text("/")
    # In a thread, as a test has to: no loop runs in that of a command.
    of_command = await asyncio.to_thread(invoke)
    assert of_command.isdigit()
    assert await text("/") == of_request


FORGOTTEN = """
import warnings
warnings.simplefilter("error")
import flask_patch, sqlalchemy, threading
engine = sqlalchemy.create_engine("{url}")

def query():
    with engine.connect() as connection:
        print(connection.exec_driver_sql("SELECT 1").scalar())

query()
thread = threading.Thread(target=query)
thread.start()
thread.join()
query()
"""


def test_a_script_need_not_close_anything(url):
    address = url.render_as_string(hide_password=False)
    result = run(
        "import warnings; warnings.simplefilter('error')\n" + FORGOTTEN.format(url=address)
    )
    assert (result.stdout, result.stderr) == ("1\n1\n1\n", "")
