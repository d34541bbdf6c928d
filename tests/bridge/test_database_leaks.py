"""Whatever ends a request, no connection, greenlet or transaction stays, and the next one works."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from databases import ASYNCPG, connections, leftovers
from flask_patch import connections as http
from flask_patch import greenlet_spawn, portals
from greenlet import greenlet
from quart import g
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as ExhaustedError
from sqlalchemy.orm import Session
from test_leaks import living

ROUNDS, AT_ONCE = 1000, 10
ONE, LONG = text("SELECT 1"), text("SELECT pg_sleep(30)")
CUT = text("SELECT pg_terminate_backend(pg_backend_pid())")
OTHERS = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid != pg_backend_pid()"
)

pytestmark = pytest.mark.parametrize("url", [ASYNCPG], indirect=True)


@pytest.fixture
def engine(url: Any) -> Any:
    return create_engine(url, pool_size=AT_ONCE, max_overflow=0)


@pytest.fixture
def db(app: Any, engine: Any, quiet: None) -> Callable[[], Session]:
    """One session a request, which its end closes, as extensions do."""

    def session() -> Session:
        if "session" not in g:
            g.session = Session(engine)
        return g.session

    @app.teardown_appcontext
    def close(_error):
        if "session" in g:
            g.pop("session").close()

    return session


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Neither SQLAlchemy nor asyncio has to complain of anything, as of a lost exception."""
    yield
    gc.collect()
    names = ("sqlalchemy", "asyncio")
    assert [record.getMessage() for record in caplog.records if record.name.startswith(names)] == []


async def visit(app: Any, path: str) -> int:
    return (await app.test_client().get(path)).status_code


async def leave(app: Any, path: str) -> None:
    """Send a request, and be gone before its answer."""
    async with app.test_client().request(path) as connection:
        await connection.send_complete()
        await asyncio.sleep(0.002)
        await connection.disconnect()


async def many(once: Callable[[], Any]) -> None:
    """Make the rounds, some at a time."""

    async def some() -> None:
        for _ in range(ROUNDS // AT_ONCE):
            await once()

    await asyncio.gather(*[some() for _ in range(AT_ONCE)])


async def assert_nothing_stays(url: Any, engine: Any, once: Callable[[], Any]) -> None:
    await asyncio.gather(*[once() for _ in range(AT_ONCE)])
    before = living(greenlet), len(asyncio.all_tasks())
    await many(once)
    # What was made for nobody is closed in the background.
    async with asyncio.timeout(10):
        while portals._hosts:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.01)
    # A connection is made and ended in portals of its own, which are kept for others after it; one
    # that nobody waits for any more is ended while others make theirs.
    assert living(greenlet) <= before[0] + 2 * AT_ONCE
    assert len(asyncio.all_tasks()) <= before[1]
    assert not portals._hosts
    assert engine.pool.checkedout() == 0
    assert set(connections(url)) <= {"idle"}
    assert await greenlet_spawn(one, engine) == 1


def one(engine: Any, statement: Any = ONE) -> int:
    with Session(engine) as session:
        return session.scalar(statement)


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_a_client_that_leaves(app, url, engine, db, kind, monkeypatch):
    monkeypatch.setattr(http, "LISTEN_DELAY", 0)

    def wait() -> str:
        return str(db().scalar(LONG))

    async def wait_async() -> str:
        return wait()

    app.get("/")(wait if kind == "sync" else wait_async)
    await assert_nothing_stays(url, engine, lambda: leave(app, "/"))


async def test_a_wait_that_takes_too_long(app, url, engine, db):
    @app.get("/")
    async def view():
        try:
            async with asyncio.timeout(0.002):  # noqa: ASYNC100  # it waits through the portal
                db().execute(LONG)
        except TimeoutError:
            return "too long", 504

    async def once() -> None:
        assert await visit(app, "/") == 504

    await assert_nothing_stays(url, engine, once)


async def test_a_connection_that_is_killed_in_the_middle(app, url, engine, db):
    @app.get("/")
    def view():
        db().execute(ONE)
        db().execute(CUT)

    @app.errorhandler(DBAPIError)
    def handle(error):
        db().rollback()
        return "", 503 if error.connection_invalidated else 500

    async def once() -> None:
        assert await visit(app, "/") == 503

    await assert_nothing_stays(url, engine, once)


async def test_connections_that_are_killed_while_idle(app, url, engine, db):
    @app.get("/")
    def view():
        return str(db().scalar(ONE))

    @app.errorhandler(DBAPIError)
    def handle(error):
        return "", 503

    await asyncio.gather(*[visit(app, "/") for _ in range(AT_ONCE)])
    await greenlet_spawn(one, engine, OTHERS)
    # As with a sync driver, the first to find out fails; the pool begins anew.
    assert 503 in [await visit(app, "/"), await visit(app, "/")]
    assert [await visit(app, "/") for _ in range(AT_ONCE)] == [200] * AT_ONCE


async def test_a_pool_that_is_exhausted(app, url, engine, db):
    small = create_engine(url, pool_size=1, max_overflow=0, pool_timeout=0.001)

    @app.get("/")
    def view():
        with Session(small) as session:
            session.execute(ONE)
            return str(session.scalar(text("SELECT 1 FROM pg_sleep(0.003)")))

    @app.errorhandler(ExhaustedError)
    def handle(error):
        return "", 503

    answers = []

    async def once() -> None:
        answers.append(await visit(app, "/"))

    await assert_nothing_stays(url, small, once)
    assert answers.count(503) > ROUNDS / 2
    assert set(answers) == {200, 503}


async def test_a_session_left_open_by_an_exception(app, url, engine, db):
    @app.get("/")
    def view():
        db().execute(text("CREATE TEMPORARY TABLE IF NOT EXISTS thing (id integer)"))
        db().execute(text("SELECT nonsense"))

    @app.errorhandler(DBAPIError)
    def handle(error):
        return "", 500

    async def once() -> None:
        assert await visit(app, "/") == 500

    await assert_nothing_stays(url, engine, once)


@pytest.mark.filterwarnings("ignore:The garbage collector is trying")
async def test_a_session_that_nobody_closes(url, engine):
    """SQLAlchemy warns of it; the connection goes, and is not used again."""

    def forget() -> None:
        session = Session(engine)
        session.execute(ONE)

    for _ in range(20):
        await greenlet_spawn(forget)
        gc.collect()  # As with sync drivers, a session is part of cycles.
    assert engine.pool.checkedout() == 0
    assert await greenlet_spawn(one, engine) == 1
    await greenlet_spawn(engine.dispose)
    assert await asyncio.to_thread(leftovers, url) == []
