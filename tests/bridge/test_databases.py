"""Sync SQLAlchemy code waits through async drivers, wherever the bridge lets sync code wait."""

import asyncio
import subprocess
import sys
import threading
from typing import Any

import pytest
import sqlalchemy
from databases import AIOSQLITE, ASYNCPG
from flask_patch import await_only, greenlet_spawn, hosted
from quart import render_template_string, websocket
from quart.utils import run_sync
from sqlalchemy import ForeignKey, create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.util import await_only as sqlalchemy_await_only
from sqlalchemy.util import greenlet_spawn as sqlalchemy_greenlet_spawn
from test_import import run

ONE = text("SELECT 1")


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sqlalchemy.String(50))
    books: Mapped[list["Book"]] = relationship(back_populates="author", order_by="Book.id")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sqlalchemy.String(50))
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


def add_books(engine: Any) -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        author = Author(name="Ann", books=[Book(title="one"), Book(title="two")])
        session.add(author)
        session.commit()


def titles(engine: Any) -> str:
    """Load a model, then what belongs to it."""
    with Session(engine) as session:
        author = session.scalars(sqlalchemy.select(Author)).one()
        return ", ".join(book.title for book in author.books)


@pytest.fixture
def shop(engine: Any) -> Any:
    """An engine with an author of two books, which sync code has added without any event loop."""
    add_books(engine)
    return engine


async def test_models_are_stored_and_load_lazily_in_a_portal(engine):
    await greenlet_spawn(add_books, engine)
    assert await greenlet_spawn(titles, engine) == "one, two"
    assert engine.pool.checkedout() == 0


async def test_hosted_async_code_queries_as_sync_code_does(shop):
    @hosted
    async def read() -> str:
        await asyncio.sleep(0)
        return titles(shop)

    assert await read() == "one, two"


async def test_async_and_sync_views_hooks_templates_and_error_handlers_query(app, text, shop):
    seen = []

    @app.before_request
    def before():
        seen.append(titles(shop))

    @app.get("/async")
    async def asynchronous():
        return titles(shop)

    @app.get("/sync")
    def sync():
        return titles(shop)

    @app.get("/template")
    async def template():
        with Session(shop) as session:
            author = session.get(Author, 1)
            page = "{% for book in author.books %}{{ book.title }};{% endfor %}"
            return await render_template_string(page, author=author)

    @app.get("/error")
    def error():
        raise LookupError

    @app.errorhandler(LookupError)
    def handle(_error):
        return titles(shop)

    assert await text("/async") == await text("/sync") == await text("/error") == "one, two"
    assert await text("/template") == "one;two;"
    assert seen == ["one, two"] * 4


async def test_an_id_may_come_as_a_string_as_from_a_cookie_or_form(shop):
    def title(number: str) -> str:
        with Session(shop) as session:
            return session.get_one(Book, number).title

    assert await greenlet_spawn(title, "2") == "two"


async def test_threads_of_run_sync_query_on_the_event_loop(app, text, shop):
    @app.get("/")
    @run_sync
    def view():
        assert threading.current_thread() is not threading.main_thread()
        return titles(shop)

    pages = await asyncio.gather(*[text("/") for _ in range(8)])
    assert pages == ["one, two"] * 8
    assert shop.pool.checkedout() == 0


async def test_a_threads_query_joins_the_transaction_of_its_request(app, text, shop):
    @app.get("/")
    async def view():
        with Session(shop) as session:
            session.add(Author(name="Bob"))
            session.flush()
            count = sqlalchemy.select(sqlalchemy.func.count(Author.id))
            return str(await run_sync(session.scalar)(count))

    assert await text("/") == "2"


async def test_websockets_and_background_tasks_query(app, client, shop):
    seen = []

    @app.websocket("/ws")
    async def talk():
        await websocket.send(titles(shop))

    @app.get("/")
    async def index():
        app.add_background_task(lambda: seen.append(titles(shop)))
        return ""

    async with app.test_app():
        async with client.websocket("/ws") as connection:
            assert await connection.receive() == "one, two"
        await client.get("/")
    assert seen == ["one, two"]


def test_commands_query_on_a_loop_of_their_own(app, shop):
    @app.cli.command("titles")
    def command():
        print(titles(shop))
        print(titles(shop))

    result = app.test_cli_runner().invoke(args=["titles"])
    assert result.output == "one, two\none, two\n", result.exception


@pytest.mark.parametrize("url", [ASYNCPG, AIOSQLITE, "mysql+asyncmy"], indirect=True)
async def test_sqlalchemys_own_greenlets_work_below_and_above_a_portal(url, engine):
    async_engine = create_async_engine(url)

    async def above() -> int:
        async with AsyncSession(async_engine) as session:
            number = await session.scalar(ONE)
            return number + await session.run_sync(below)

    def below(session: Session) -> int:
        return session.scalar(ONE) + sqlalchemy_await_only(beside()) + plain()

    async def beside() -> int:
        async with async_engine.connect() as connection:
            return (await connection.execute(ONE)).scalar_one()

    def plain() -> int:
        with engine.connect() as connection:
            return connection.scalar(ONE)

    assert await above() == 4
    assert await hosted(above)() == 4
    assert await sqlalchemy_greenlet_spawn(plain) == 1
    assert await greenlet_spawn(lambda: sqlalchemy_await_only(above())) == 4
    await async_engine.dispose()
    assert async_engine.pool.checkedout() == 0


async def test_sync_code_that_cannot_wait_is_told_what_to_do(shop):
    with pytest.raises(RuntimeError, match="await greenlet_spawn"):
        titles(shop)
    with pytest.raises(sqlalchemy.exc.MissingGreenlet):
        titles(shop)
    assert shop.pool.checkedout() == 0


@pytest.mark.parametrize("url", [ASYNCPG], indirect=True)
async def test_a_statement_that_cannot_wait_is_not_begun(engine):
    session = Session(engine)
    await greenlet_spawn(session.execute, ONE)
    with pytest.raises(RuntimeError, match="await greenlet_spawn"):
        session.execute(ONE)
    assert await greenlet_spawn(session.scalar, ONE) == 1
    await greenlet_spawn(session.close)
    assert engine.pool.checkedout() == 0


@pytest.fixture
def sleeper(url: Any) -> Any:
    return create_engine(url, pool_size=5, max_overflow=0)


@pytest.mark.parametrize("url", [ASYNCPG], indirect=True)
async def test_waiting_in_the_database_holds_nobody_up(sleeper):
    """Nobody gets past a barrier unless all have a connection at the same time."""
    arrived = asyncio.Barrier(5)

    def wait_with_others() -> int:
        with sleeper.connect() as connection:
            await_only(arrived.wait())
            return connection.scalar(text("SELECT 1 FROM pg_sleep(0.01)"))

    assert await asyncio.gather(*[greenlet_spawn(wait_with_others) for _ in range(5)]) == [1] * 5


@pytest.mark.parametrize("url", [ASYNCPG], indirect=True)
async def test_requests_queue_for_a_connection_while_others_are_served(app, client, sleeper):
    held, release = asyncio.Barrier(6), asyncio.Event()
    served = []

    @app.get("/held")
    def hold():
        with sleeper.connect() as connection:
            if len(served) < 20:
                await_only(held.wait())
                await_only(release.wait())
            return str(connection.scalar(ONE))

    @app.get("/quick")
    async def quick():
        served.append(sleeper.pool.checkedout())
        return ""

    async def get(path: str) -> str:
        return await (await client.get(path)).get_data(as_text=True)

    holding = [asyncio.create_task(get("/held")) for _ in range(5)]
    await held.wait()
    queued = [asyncio.create_task(get("/held")) for _ in range(20)]
    for _ in range(20):
        await get("/quick")
    assert served == [5] * 20
    assert not any(task.done() for task in holding + queued)
    release.set()
    assert await asyncio.gather(*holding, *queued) == ["1"] * 25


SCRIPT = """
{imports}
engine = sqlalchemy.create_engine("sqlite+aiosqlite:///{path}")

def count():
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS thing (id INTEGER)")
        connection.exec_driver_sql("INSERT INTO thing VALUES (1)")
        return connection.exec_driver_sql("SELECT count(*) FROM thing").scalar()

print(count())
print(asyncio.run(flask_patch.greenlet_spawn(count)))
"""
EARLY = """
import asyncio, sqlalchemy, sqlalchemy.dialects.sqlite.aiosqlite, sqlalchemy.ext.asyncio
import flask_patch
"""
LATE = "import flask_patch\n" + EARLY.replace("import flask_patch\n", "")


@pytest.mark.parametrize("imports", [EARLY, LATE], ids=["early", "late"])
def test_the_order_of_imports_does_not_matter(imports, tmp_path):
    result = run(SCRIPT.format(imports=imports, path=tmp_path / "script.db"))
    assert (result.stdout, result.stderr) == ("1\n2\n", "")


def test_the_bridge_does_not_import_sqlalchemy():
    assert run("import sys, flask_patch; print('sqlalchemy' in sys.modules)").stdout == "False\n"


def test_looking_for_sqlalchemy_does_not_keep_it_from_being_patched(tmp_path):
    look = "import importlib.util; importlib.util.find_spec('sqlalchemy')\n" + EARLY
    result = run(SCRIPT.format(imports="import flask_patch\n" + look, path=tmp_path / "script.db"))
    assert (result.stdout, result.stderr) == ("1\n2\n", "")


def test_where_there_is_no_sqlalchemy_nothing_is_looked_for_but_that():
    code = "import sys, flask_patch; sys.path.clear(); import sqlalchemy"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "No module named" in result.stderr
