"""Addresses of databases as hosting services hand them out, and PgBouncer in between."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from accounts import ConfigError
from accounts.sql import database_settings
from accounts.sql.postgresql import Connection
from browser import NAME, PASSWORD, Browser
from flask_patch import greenlet_spawn
from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import OperationalError
from visits import Part

PGBOUNCER = """
[databases]
* = host={url.host} port={port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
"""


@pytest.fixture
def only_postgresql(database: tuple[str, str]) -> URL:
    """The address of the test's database, where that is PostgreSQL."""
    if database[0] != "PostgreSQL":
        pytest.skip("this is about PostgreSQL")
    return make_url(database[1])


@pytest.fixture
def pooled(only_postgresql: URL, tmp_path: Path) -> Iterator[str]:
    """The database behind a PgBouncer of the test's own, with transaction pooling."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed")
    url = only_postgresql
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = probe.getsockname()[1]
    user = url.username or "postgres"
    port = url.port or 5432
    config = PGBOUNCER.format(url=url, port=port, user=user, listen=listen)
    (tmp_path / "pgbouncer.ini").write_text(config)
    # It does not run as root.
    command = [program, *(["-u", "nobody"] if os.geteuid() == 0 else []), "-q"]
    process = subprocess.Popen(
        [*command, str(tmp_path / "pgbouncer.ini")], stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", listen), timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, "PgBouncer does not start"
                subprocess.run(["sleep", "0.05"], check=True)
        pooled = url.set(host="127.0.0.1", port=listen, username=user)
        yield pooled.render_as_string(hide_password=False)
    finally:
        process.terminate()
        process.wait(10)


async def test_login_works_behind_pgbouncer_that_pools_transactions(
    pooled: str, config: dict[str, Any], package: ModuleType
) -> None:
    app = package.create_app({**config, "DATABASE_URL": pooled})
    async with app.test_app():
        await Part(app, app.extensions["accounts"].users).add(NAME, PASSWORD)
        browsers = [Browser(app) for _ in range(4)]
        for browser in browsers:
            assert (await browser.login(remember="y")).status_code == 303
        # More connections of the app than PgBouncer has to the server, each used many times over.
        for _ in range(12):
            pages = (browser.get("/account/sessions") for browser in browsers * 4)
            assert {page.status_code for page in await asyncio.gather(*pages)} == {200}


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
async def test_parameters_of_libpq_are_understood(
    only_postgresql: URL, package: ModuleType, config: dict[str, Any], scheme: str
) -> None:
    query = {
        "sslmode": "disable",
        "connect_timeout": "7",
        "application_name": "from the address",
        "target_session_attrs": "read-write",
        "options": "-c statement_timeout=4321",
        "sslrootcert": "/nowhere.crt",
    }
    url = only_postgresql.set(drivername=scheme).update_query_dict(query)
    app = package.create_app({**config, "DATABASE_URL": url.render_as_string(hide_password=False)})
    shown = text("SELECT current_setting('application_name'), current_setting('statement_timeout')")
    async with app.test_app(), app.app_context():
        row = await greenlet_spawn(
            lambda: app.extensions["sqlalchemy"].session.execute(shown).one()
        )
    assert tuple(row) == ("from the address", "4321ms")


def test_own_timeout_of_an_address_counts() -> None:
    default = database_settings("postgresql://localhost/x", "")["SQLALCHEMY_ENGINE_OPTIONS"]
    own = database_settings("postgresql://localhost/x?connect_timeout=9", "")
    assert default["connect_args"]["connect_timeout"] == 5
    assert "connect_timeout" not in own["SQLALCHEMY_ENGINE_OPTIONS"]["connect_args"]


@pytest.mark.parametrize(
    ("mode", "verified", "named"),
    [("REQUIRED", False, False), ("VERIFY_CA", True, False), ("VERIFY_IDENTITY", True, True)],
)
def test_ssl_mode_of_mysql_is_understood(mode: str, verified: bool, named: bool) -> None:
    settings = database_settings(f"mysql://localhost/x?ssl-mode={mode}&charset=utf8mb4", "")
    context = settings["SQLALCHEMY_ENGINE_OPTIONS"]["connect_args"]["ssl"]
    assert (context.verify_mode.value > 0, context.check_hostname) == (verified, named)
    assert dict(settings["SQLALCHEMY_DATABASE_URI"].query) == {"charset": "utf8mb4"}


def test_mysql_without_ssl_is_reached_without() -> None:
    settings = database_settings("mysql://localhost/x?ssl-mode=DISABLED", "")
    assert "ssl" not in settings["SQLALCHEMY_ENGINE_OPTIONS"]["connect_args"]


def test_driver_that_waits_is_kept_and_another_is_not() -> None:
    for given, driver in {
        "postgresql+psycopg://h/x": "psycopg_async",
        "postgresql+psycopg2://h/x": "psycopg_async",
        "postgresql+nothing://h/x": "psycopg_async",
        "mysql+pymysql://h/x": "aiomysql",
        "sqlite+pysqlite:///x": "aiosqlite",
        "sqlite+aiosqlite:///x": "aiosqlite",
    }.items():
        url = database_settings(given, "")["SQLALCHEMY_DATABASE_URI"]
        assert url.get_driver_name() == driver
    with pytest.raises(ConfigError, match="unknown scheme"):
        database_settings("oracle+oracledb://h/x", "")


async def test_server_that_hangs_is_not_waited_for_for_ever(
    only_postgresql: URL, package: ModuleType, config: dict[str, Any], monkeypatch: Any
) -> None:
    monkeypatch.setattr(Connection, "patience", 0.3)
    app = package.create_app(config)
    async with app.test_app(), app.app_context():
        db = app.extensions["sqlalchemy"]

        def sleep() -> None:
            db.session.execute(text("SELECT pg_sleep(5)"))

        with pytest.raises(OperationalError) as caught:
            async with asyncio.timeout(4):
                await greenlet_spawn(sleep)
        assert "no answer in 0.3 seconds" in str(caught.value)
        assert await greenlet_spawn(lambda: db.session.rollback() or True)
        assert await greenlet_spawn(lambda: db.session.execute(text("SELECT 1")).scalar()) == 1
