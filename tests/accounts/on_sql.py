"""The settings of a SQL render under test: each test runs on SQLite and on PostgreSQL.

Tests marked `everywhere` run on MariaDB, too. The schema is made once and copied where that is
possible.
"""

import asyncio
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from accounts.sql import database_settings
from flask_migrate import upgrade
from flask_patch import greenlet_spawn
from rendered import KEY
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

SERVERS = {
    "PostgreSQL": os.environ.get("TEST_POSTGRES_URL") or "postgresql://localhost:5432/postgres",
    "MariaDB": os.environ.get("TEST_MARIADB_URL") or "mysql://root@127.0.0.1:3306/mysql",
}
SQLITE = "SQLite"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that has a database on each that it is meant for."""
    if "database" in metafunc.fixturenames:
        databases = [SQLITE, "PostgreSQL"]
        if next(metafunc.definition.iter_markers("everywhere"), None):
            databases.append("MariaDB")
        metafunc.parametrize("database", databases, indirect=True)


class Databases:
    """Databases for tests, made and dropped; each kind's schema is made once."""

    def __init__(self, package: ModuleType, folder: Path) -> None:
        self._package, self._folder = package, folder
        self._template: dict[str, str] = {}
        self._made: list[tuple[str, str]] = []

    def new(self, kind: str, folder: Path) -> str:
        """Return the address of a database with the newest schema."""
        if kind == SQLITE:
            file = self._folder / "app.db"
            if not file.exists():
                self.migrate("", self._folder)
            shutil.copy(file, folder)
            return ""
        if kind == "PostgreSQL":
            if kind not in self._template:
                self._template[kind] = self._create(kind)
                self.migrate(self._address(kind, self._template[kind]), self._folder)
            return self._address(kind, self._create(kind, f" TEMPLATE {self._template[kind]}"))
        url = self._address(kind, self._create(kind))
        self.migrate(url, folder)
        return url

    def migrate(self, url: str, folder: Path) -> None:
        """Bring a database up to date, as `quart db upgrade` does."""
        config = {"ENVIRONMENT": "development", "SECRET_KEY": KEY, "INSTANCE_PATH": str(folder)}
        app = self._package.create_app({**config, "DATABASE_URL": url})

        async def run() -> None:
            async with app.app_context():
                await greenlet_spawn(upgrade)

        asyncio.run(run())

    def drop(self, url: str) -> None:
        """Drop a database, whoever is still connected."""
        name = make_url(url).database
        for kind, made in self._made[:]:
            if name in (made, None):
                self._made.remove((kind, made))
                force = " WITH (FORCE)" if kind == "PostgreSQL" else ""
                self._execute(kind, f"DROP DATABASE {made}{force}")

    def drop_all(self) -> None:
        """Drop what is left."""
        for kind, name in list(self._made):
            self.drop(self._address(kind, name))

    def _create(self, kind: str, more: str = "") -> str:
        name = f"test_{uuid.uuid4().hex}"
        self._execute(kind, f"CREATE DATABASE {name}{more}")
        self._made.append((kind, name))
        return name

    def _execute(self, kind: str, statement: str) -> None:
        url: URL = database_settings(SERVERS[kind], "")["SQLALCHEMY_DATABASE_URI"]
        engine = create_engine(url, isolation_level="AUTOCOMMIT")

        def run() -> None:
            with engine.connect() as connection:
                connection.execute(text(statement))
            engine.dispose()

        async def run_on_a_loop() -> None:
            await greenlet_spawn(run)

        try:
            asyncio.run(run_on_a_loop())
        except (OperationalError, OSError) as error:
            pytest.skip(f"{kind} does not answer at {SERVERS[kind]}: {error}")

    @staticmethod
    def _address(kind: str, name: str) -> str:
        return make_url(SERVERS[kind]).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def databases(package: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Databases that go with the session at the latest."""
    databases = Databases(package, tmp_path_factory.mktemp("schema"))
    yield databases
    databases.drop_all()


@pytest.fixture
def database(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[tuple[str, str]]:
    """The kind of a database with the newest schema, and its address; none is SQLite."""
    url = databases.new(request.param, tmp_path)
    yield request.param, url
    if url:
        databases.drop(url)


@pytest.fixture
def config(tmp_path: Path, database: tuple[str, str], given: dict[str, Any]) -> dict[str, Any]:
    """Settings for one test."""
    return {
        "TESTING": True,
        "ENVIRONMENT": "development",
        "SECRET_KEY": KEY,
        "INSTANCE_PATH": str(tmp_path),
        "DATABASE_URL": database[1],
        **given,
    }
