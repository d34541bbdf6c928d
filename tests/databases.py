"""Databases to test on: one of its own for each driver, made and watched with sync drivers."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@localhost:5432/postgres")
MARIADB = os.environ.get("TEST_MARIADB_URL", "mysql://root@127.0.0.1:3306/mysql")
SERVERS = {
    "postgresql": ("PostgreSQL", POSTGRES, "postgresql+psycopg"),
    "mysql": ("MariaDB", MARIADB, "mysql+pymysql"),
}
ASYNCPG, PSYCOPG = "postgresql+asyncpg", "postgresql+psycopg_async"
AIOSQLITE = "sqlite+aiosqlite"
DRIVERS = [ASYNCPG, PSYCOPG, AIOSQLITE, "mysql+asyncmy", "mysql+aiomysql"]


@contextmanager
def database(driver: str, folder: Path) -> Iterator[sqlalchemy.URL]:
    """Make a database; give its address, with the async driver."""
    dialect = driver.partition("+")[0]
    if dialect == "sqlite":
        yield sqlalchemy.make_url(f"{driver}:///{folder}/{uuid4().hex}.db")
        return
    title, server, sync_driver = SERVERS[dialect]
    url = sqlalchemy.make_url(server).set(drivername=sync_driver)
    engine = sqlalchemy.create_engine(
        url, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool
    )
    name = f"bridge_{uuid4().hex}"
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    except sqlalchemy.exc.OperationalError as error:
        pytest.skip(f"{title} does not answer at {server}: {error}")
    yield url.set(drivername=driver, database=name)
    force = " WITH (FORCE)" if dialect == "postgresql" else ""
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name}{force}")


def connections(url: sqlalchemy.URL) -> list[str]:
    """Return what each connection that the server knows of is doing; on PostgreSQL."""
    state = "SELECT state FROM pg_stat_activity WHERE datname = :name AND pid != pg_backend_pid()"
    watcher = sqlalchemy.make_url(POSTGRES).set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(watcher, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        return list(connection.scalars(sqlalchemy.text(state), {"name": url.database}))


def leftovers(url: sqlalchemy.URL) -> list[str]:
    """Return what connections stay; the server needs a moment to see that one has gone."""
    for _ in range(500):
        if not connections(url):
            return []
        time.sleep(0.01)
    return connections(url)
