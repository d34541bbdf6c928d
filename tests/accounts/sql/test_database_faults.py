"""The database fails: 503, nobody is let in, nothing is half-written, all recovers by itself."""

import asyncio
import os
import sqlite3
import stat
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
from accounts import BackendUnavailable, public
from accounts.records import Client
from accounts.sql.migrations import _begin
from alembic.migration import MigrationContext
from alembic.operations import Operations
from argon2 import PasswordHasher
from browser import NAME, PASSWORD, Browser
from flask_patch import greenlet_spawn
from quart import Quart, Response, request
from rendered import KEY, Clock
from sqlalchemy import String, event, text
from sqlalchemy.exc import OperationalError
from visits import Part


async def rename(store: Any, table: str, name: str) -> None:
    """Rename a table."""
    await greenlet_spawn(execute, store.part.database, f"ALTER TABLE {table} RENAME TO {name}")


def execute(database: Any, statement: str) -> None:
    """Execute a statement in a transaction of its own."""
    with database.transaction() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize("table", ["users", "login_sessions"])
async def test_nobody_is_logged_in_while_a_table_is_gone(
    member: Browser, store: Any, table: str
) -> None:
    await rename(store, table, "gone")
    answer = await member.get("/protected")
    assert answer.status_code == 503
    page = await member.text(answer)
    assert NAME not in page
    assert "out of reach" in page
    assert "SELECT" not in page
    assert (await Browser(member.app).login()).status_code == 503
    await rename(store, "gone", table)
    assert await member.is_logged_in()


async def break_connection(url: str, visit: Callable[[], Awaitable[Response]]) -> Response:
    """Return the answer to a visit whose connection is closed while it waits for a table."""
    server = await psycopg.AsyncConnection.connect(url, autocommit=True)
    async with server.transaction():
        await server.execute("LOCK TABLE login_sessions, users IN ACCESS EXCLUSIVE MODE")
        visiting = asyncio.create_task(visit())
        terminated = None
        while not terminated:
            await asyncio.sleep(0.01)
            found = await server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            terminated = await found.fetchone()
    answer = await visiting
    await server.close()
    return answer


async def test_login_is_read_once_more_where_its_connection_breaks(
    member: Browser, database: tuple[str, str]
) -> None:
    if not database[1]:
        pytest.skip("SQLite has no connection that could break")
    answer = await break_connection(database[1], lambda: member.get("/protected"))
    assert answer.status_code == 200


async def test_read_that_nobody_answers_in_time_is_not_made_once_more(
    store: Any, database: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not database[1]:
        pytest.skip("SQLite answers by itself")
    monkeypatch.setattr(import_module("accounts.sql.postgresql").Connection, "patience", 0.5)
    sent: list[object] = []
    event.listen(store.part.database.engine, "before_cursor_execute", lambda *it: sent.append(it))
    with pytest.raises(BackendUnavailable, match="no answer in"):
        await greenlet_spawn(store.part.database.first, text("SELECT pg_sleep(60)"), {})
    assert len(sent) == 1


async def test_query_that_is_broken_off_ends_in_the_database_as_well(
    store: Any, database: tuple[str, str]
) -> None:
    if not database[1]:
        pytest.skip("SQLite runs its queries here")
    server = await psycopg.AsyncConnection.connect(database[1], autocommit=True)

    async def wait_for(count: int) -> None:
        for _ in range(500):
            if await _sleeping(server) == count:
                return
            await asyncio.sleep(0.05)
        pytest.fail(f"{await _sleeping(server)} queries, not {count}")

    query = greenlet_spawn(store.part.database.first, text("SELECT pg_sleep(60)"), {})
    asking = asyncio.create_task(query)
    await wait_for(1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await wait_for(0)
    await server.close()


async def _sleeping(server: psycopg.AsyncConnection[Any]) -> Any:
    found = await server.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event = 'PgSleep' AND datname = current_database()"
    )
    (count,) = await found.fetchone() or (None,)
    return count


@pytest.fixture
def own(serving: Quart, package: ModuleType) -> Callable[[str], Awaitable[Response]]:
    """Run a statement in a page of the owner's, which is open to all."""
    db = import_module(f"{package.__name__}.extensions").db

    @serving.get("/own")
    @public
    async def own() -> str:
        """Execute what is asked for."""
        db.session.execute(text(request.args["sql"]))
        db.session.commit()
        return "done"

    return lambda sql: Browser(serving).get("/own", query_string={"sql": sql})


async def test_own_query_whose_connection_breaks_is_refused_in_one_line(
    own: Callable[[str], Awaitable[Response]],
    database: tuple[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    if not database[1]:
        pytest.skip("SQLite has no connection that could break")
    answer = await break_connection(database[1], lambda: own("SELECT count(*) FROM users"))
    assert answer.status_code == 503
    (said,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert said.exc_info is None
    assert said.getMessage().startswith("DATABASE_URL=")
    assert (await own("SELECT count(*) FROM users")).status_code == 200


async def test_own_change_is_refused_in_one_line_while_nothing_can_be_written(
    own: Callable[[str], Awaitable[Response]],
    config: dict[str, Any],
    database: tuple[str, str],
    store: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    change = "UPDATE users SET active = active"
    if database[1]:
        execution = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"
        assert (await own(execution)).status_code == 200
    else:
        await store.close()
        other = sqlite3.connect(Path(config["INSTANCE_PATH"]) / "app.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
    assert (await own(change)).status_code == 503
    assert not any(record.exc_info for record in caplog.records)
    if not database[1]:
        other.close()
        assert (await own(change)).status_code == 200


async def test_own_query_that_is_wrong_is_a_fault(
    own: Callable[[str], Awaitable[Response]], caplog: pytest.LogCaptureFixture
) -> None:
    assert (await own("SELECT nothing FROM users")).status_code == 500
    assert any(record.exc_info for record in caplog.records)


async def test_locked_database_is_waited_for_and_nobody_else_waits(
    config: dict[str, Any], member: Browser, store: Any, database: tuple[str, str]
) -> None:
    if database[1]:
        pytest.skip("PostgreSQL keeps its locks from readers")
    # Of the connections that it has open by then, none gives its share up.
    await store.close()
    other = sqlite3.connect(Path(config["INSTANCE_PATH"]) / "app.db", isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN IMMEDIATE")
    visit = asyncio.create_task(member.get("/protected"))
    assert (await Browser(member.app).get("/healthz")).status_code == 200
    await asyncio.sleep(0.1)
    assert not visit.done()
    other.close()
    assert (await visit).status_code == 200


@pytest.mark.form
async def test_full_disk_is_reported_and_changes_nothing(
    member: Browser,
    users: Any,
    store: Any,
    database: tuple[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    if database[1]:
        pytest.skip("The disk of PostgreSQL is its own")
    engine, agent = store.part.database.engine, "x" * 256

    def limit(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA max_page_count = 1")
        cursor.close()

    await store.close()
    event.listen(engine, "connect", limit)
    user = await users.authenticate(NAME, PASSWORD)
    browser = Browser(member.app)

    async def fill() -> None:
        for _ in range(100):
            await store.start(user.id, Client("", agent), remember=False, ends=None)

    with pytest.raises(BackendUnavailable, match="database or disk is full"):
        await fill()
    browser.headers["User-Agent"] = agent
    answer = await browser.login()
    assert answer.status_code == 503
    assert NAME not in await member.text(answer)
    assert "database or disk is full" in caplog.text
    assert await member.is_logged_in()
    event.remove(engine, "connect", limit)
    await store.close()
    assert (await browser.login()).status_code == 303


async def test_migration_that_makes_a_table_anew_keeps_what_refers_to_it(
    member: Browser, store: Any
) -> None:
    def widen() -> None:
        with store.part.database.transaction() as connection:
            if store.part.database.is_sqlite:
                _begin(connection)
            operations = Operations(MigrationContext.configure(connection))
            with operations.batch_alter_table("users") as table:
                table.alter_column("name", existing_type=String(64), type_=String(100))

    await greenlet_spawn(widen)
    await store.close()
    assert await member.is_logged_in()


@pytest.mark.passwords
async def test_killed_command_leaves_no_half_user(
    config: dict[str, Any], package: ModuleType, database: tuple[str, str]
) -> None:
    quart = Path(sys.executable).parent / "quart"
    # What cannot be text is not a setting from the environment.
    env = {key: value for key, value in config.items() if isinstance(value, str)}
    env |= {"PATH": os.environ["PATH"], "QUART_APP": package.__name__}
    for number, patience in enumerate((0.3, 0.5, 0.7, 0.9, 1.1, None)):
        words = ("users", "add", f"user{number}", "--password-stdin")
        process = await asyncio.create_subprocess_exec(quart, *words, env=env, stdin=-1, stderr=-1)
        adding = asyncio.create_task(process.communicate(PASSWORD.encode() + b"\n"))
        _, running = await asyncio.wait([adding], timeout=patience)
        if running:
            process.kill()
        await adding
    assert process.returncode == 0, adding.result()
    app = package.create_app(config)
    async with app.test_app():
        users = Part(app, app.extensions["accounts"].users)
        names = [user.name for user in await users.all()]
        assert "user5" in names
        for name in names:
            assert await users.authenticate(name, PASSWORD)
    if not database[1]:
        with sqlite3.connect(Path(config["INSTANCE_PATH"]) / "app.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


@pytest.mark.promise(40, asvs="13.3.1, 14.2.4")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277])
def test_folder_and_files_of_sqlite_are_for_their_owner_alone(
    tmp_path: Path, package: ModuleType, umask: int
) -> None:
    folder = tmp_path / "a" / "instance"
    folder.mkdir(mode=0o755, parents=True)
    for name in ("app.db", "app.db-wal", "app.db-shm"):
        (folder / name).touch(0o644)
    (folder / "app.db-wal").unlink()
    before = os.umask(umask)
    try:
        asyncio.run(use_database(package, INSTANCE_PATH=str(folder)))
        fresh = tmp_path / "fresh"
        asyncio.run(use_database(package, INSTANCE_PATH=str(fresh)))
    finally:
        os.umask(before)
    for used in (folder, fresh):
        assert stat.S_IMODE(used.stat().st_mode) == 0o700
        names = {file.name for file in used.iterdir()}
        assert "app.db" in names
        for file in used.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


@pytest.mark.promise(40, asvs="13.3.1")
def test_folder_of_others_stays_as_it_is(tmp_path: Path, package: ModuleType) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / "app.db.txt").touch()
    (shared / "app.db.txt").chmod(0o644)
    url = f"sqlite:///{shared}/app.db"
    instance = str(tmp_path / "instance")
    asyncio.run(use_database(package, INSTANCE_PATH=instance, DATABASE_URL=url))
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755
    assert stat.S_IMODE((shared / "app.db.txt").stat().st_mode) == 0o644
    assert stat.S_IMODE((shared / "app.db").stat().st_mode) == 0o600


async def use_database(package: ModuleType, **settings: Any) -> None:
    """Start an app with the settings, and look at its files while its connections are open."""
    app = package.create_app({"ENVIRONMENT": "development", "SECRET_KEY": KEY, **settings})
    async with app.test_app():
        await Part(app, app.extensions["accounts"].users).add(NAME, PASSWORD)
        wal = list(
            Path(app.extensions["accounts"].store.database.url.database).parent.glob("*-wal")
        )
        assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in wal)
        assert wal


@pytest.mark.promise(41, asvs="16.5.2")
async def test_pages_open_while_the_database_can_be_read_and_not_written(
    member: Browser,
    store: Any,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            raise OperationalError(statement, {}, Exception("disk is full"))

    event.listen(store.part.database.engine, "before_cursor_execute", full)
    for _ in range(20):
        clock.advance(70)
        assert await member.is_logged_in()
    said = [record for record in caplog.records if "last use" in record.getMessage()]
    assert 1 <= len(said) <= 20 * 70 // 60
    event.remove(store.part.database.engine, "before_cursor_execute", full)
    caplog.clear()
    assert await member.is_logged_in()
    assert (await member.submit("/logout")).status_code == 303


@pytest.mark.promise(41, asvs="16.5.2")
async def test_pages_open_while_another_process_writes(
    config: dict[str, Any], member: Browser, database: tuple[str, str], clock: Clock
) -> None:
    if database[1]:
        pytest.skip("PostgreSQL locks rows, not the database")
    other = sqlite3.connect(Path(config["INSTANCE_PATH"]) / "app.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    clock.advance(70)
    assert (await member.get("/protected")).status_code == 200
    other.execute("ROLLBACK")
    other.close()


@pytest.mark.passwords
@pytest.mark.promise(41, asvs="16.5.2")
async def test_right_password_is_right_although_its_hash_cannot_be_renewed(
    users: Any, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cheap = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    with monkeypatch.context() as patch:
        patch.setattr(users.part._passwords, "_hasher", cheap)
        await users.add("bob", PASSWORD)

    def full(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE"):
            raise OperationalError(statement, {}, Exception("disk is full"))

    event.listen(store.part.database.engine, "before_cursor_execute", full)
    assert (await users.authenticate("bob", PASSWORD)).name == "bob"
    event.remove(store.part.database.engine, "before_cursor_execute", full)
