"""The database fails: 503, nobody is let in, nothing is half-written, all recovers by itself."""

import asyncio
import os
import sqlite3
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import op
from alembic.migration import MigrationContext
from alembic.operations import Operations
from conftest import NAME, PACKAGE, PASSWORD, Browser
from quart import Quart
from sqlalchemy import String, event, text

BackendUnavailable = import_module(f"{PACKAGE.__name__}.users").BackendUnavailable


async def rename(users: Any, table: str, name: str) -> None:
    async with users._database.transaction() as connection:
        await connection.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))


@pytest.mark.parametrize("table", ["users", "login_sessions"])
async def test_nobody_is_logged_in_while_a_table_is_gone(
    member: Browser, users: Any, table: str
) -> None:
    await rename(users, table, "gone")
    answer = await member.get("/protected")
    assert answer.status_code == 503
    page = await member.text(answer)
    assert NAME not in page
    assert "out of reach" in page
    assert "SELECT" not in page
    assert (await Browser(member.client.app).login()).status_code == 503
    await rename(users, "gone", table)
    assert await member.is_logged_in()


async def test_request_whose_connection_breaks_is_refused_and_the_next_is_not(
    app: Quart, member: Browser, database_url: str
) -> None:
    if not database_url:
        pytest.skip("SQLite has no connection that could break")
    server = await asyncpg.connect(database_url)
    async with server.transaction():
        await server.execute("LOCK TABLE login_sessions IN ACCESS EXCLUSIVE MODE")
        request = asyncio.create_task(member.get("/protected"))
        terminated = None
        while not terminated:
            await asyncio.sleep(0.01)
            terminated = await server.fetchval(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
        answer = await request
    await server.close()
    assert answer.status_code == 503
    assert NAME not in await member.text(answer)
    assert await member.is_logged_in()


async def test_locked_database_is_waited_for_and_nobody_else_waits(
    config: dict[str, Any], member: Browser, users: Any, database_url: str
) -> None:
    if database_url:
        pytest.skip("PostgreSQL keeps its locks from readers")
    # Of the connections that it has open by then, none gives its share up.
    await users.close()
    other = sqlite3.connect(Path(config["INSTANCE_PATH"]) / "app.db", isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN IMMEDIATE")
    visit = asyncio.create_task(member.get("/protected"))
    assert (await Browser(member.client.app).get("/healthz")).status_code == 200
    await asyncio.sleep(0.1)
    assert not visit.done()
    other.close()
    assert (await visit).status_code == 200


async def test_full_disk_is_reported_and_changes_nothing(
    member: Browser, users: Any, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    if database_url:
        pytest.skip("The disk of PostgreSQL is its own")
    engine = users._database.engine

    def limit(connection: Any, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    await engine.dispose()
    event.listen(engine.sync_engine, "connect", limit)
    user = await users.authenticate(NAME, PASSWORD)
    browser, agent = Browser(member.client.app), "x" * 256

    async def fill() -> None:
        for _ in range(100):
            await users.sessions.start(user, address="", user_agent=agent, remember=False)

    with pytest.raises(BackendUnavailable, match="database or disk is full"):
        await fill()
    browser.headers["User-Agent"] = agent
    answer = await browser.login()
    assert answer.status_code == 503
    assert NAME not in await member.text(answer)
    assert "database or disk is full" in caplog.text
    assert await member.is_logged_in()
    event.remove(engine.sync_engine, "connect", limit)
    await engine.dispose()
    assert (await browser.login()).status_code == 303


async def test_migration_that_makes_a_table_anew_keeps_what_refers_to_it(
    member: Browser, users: Any
) -> None:
    def widen(config: Any) -> None:
        context = MigrationContext.configure(config.attributes["connection"])
        with Operations.context(context), op.batch_alter_table("users") as table:
            table.alter_column("name", existing_type=String(64), type_=String(100))

    await users._database.migrate(widen)
    assert await member.is_logged_in()


async def test_killed_command_leaves_no_half_user(
    config: dict[str, Any], database_url: str
) -> None:
    quart = Path(sys.executable).parent / "quart"
    # What cannot be text is not a setting from the environment.
    env = {key: value for key, value in config.items() if isinstance(value, str)}
    env |= {"PATH": os.environ["PATH"], "QUART_APP": PACKAGE.__name__}
    for number, patience in enumerate((0.3, 0.5, 0.7, 0.9, 1.1, None)):
        words = ("users", "add", f"user{number}", "--password-stdin")
        process = await asyncio.create_subprocess_exec(quart, *words, env=env, stdin=-1, stderr=-1)
        adding = asyncio.create_task(process.communicate(PASSWORD.encode() + b"\n"))
        _, running = await asyncio.wait([adding], timeout=patience)
        if running:
            process.kill()
        await adding
    assert process.returncode == 0, adding.result()
    app = PACKAGE.create_app(config)
    async with app.test_app():
        users = app.extensions["users"]
        names = [user.name for user in await users.all()]
        assert "user5" in names
        for name in names:
            assert await users.authenticate(name, PASSWORD)
    if not database_url:
        with sqlite3.connect(Path(config["INSTANCE_PATH"]) / "app.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
