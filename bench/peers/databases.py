"""One page that reads a row and one whose query takes 10 ms, on four ways to the database.

Only the app that is asked for is made: `databases:bridge`, `blocking`, `flask` or `session`.
"""

import os
import random
import sys
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SOURCE = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}/src"
SERVER = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
ROWS, POOL = 1000, 16
OPTIONS = {"pool_size": POOL, "max_overflow": 0, "pool_timeout": 60}
SLOW = text("SELECT 1 FROM pg_sleep(0.01)")


class Base(DeclarativeBase):
    """The tables."""


class Item(Base):
    """A row."""

    __tablename__ = "bench_item"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


def prepare() -> None:
    """Make the table, for whoever comes first."""
    with psycopg.connect(SERVER) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(1)")
        connection.execute("CREATE TABLE IF NOT EXISTS bench_item (id int PRIMARY KEY, name text)")
        connection.execute(
            "INSERT INTO bench_item SELECT n, 'item ' || n FROM generate_series(1, %s) n "
            "ON CONFLICT DO NOTHING",
            [ROWS],
        )


def drop() -> None:
    """Take the table away."""
    with psycopg.connect(SERVER) as connection:
        connection.execute("DROP TABLE IF EXISTS bench_item")


def any_item() -> Any:
    """Return a query for one of the rows."""
    return select(Item).where(Item.id == random.randint(1, ROWS))  # noqa: S311  # not a secret


def with_flask_sqlalchemy(app: Any, driver: str) -> Any:
    """Add the pages, as they are written for Flask."""
    from flask_sqlalchemy import SQLAlchemy

    app.config["SQLALCHEMY_DATABASE_URI"] = SERVER.replace("postgresql", f"postgresql+{driver}", 1)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = OPTIONS
    db = SQLAlchemy(app, model_class=Base)

    @app.get("/row")
    def row() -> str:
        return db.session.scalars(any_item()).one().name

    @app.get("/slow")
    def slow() -> str:
        return str(db.session.scalar(SLOW))

    return app


def with_async_session(app: Any) -> Any:
    """Add the pages, as SQLAlchemy's documents write them for asyncio."""
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

    url = SERVER.replace("postgresql", "postgresql+asyncpg", 1)
    make_session = async_sessionmaker(create_async_engine(url, **OPTIONS))

    @app.get("/row")
    async def row() -> str:
        async with make_session() as session:
            return (await session.scalars(any_item())).one().name

    @app.get("/slow")
    async def slow() -> str:
        async with make_session() as session:
            return str(await session.scalar(SLOW))

    return app


def make_app(kind: str) -> Any:
    """Make one of the apps."""
    if kind in ("bridge", "blocking"):
        sys.path.insert(0, str(SOURCE))
        import flask_patch  # noqa: F401  (patches on import)
    if kind == "flask":
        from flask import Flask as App
    else:
        from quart import Quart as App  # type: ignore[assignment]  # the same to the pages
    app = App("databases")

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    if kind == "session":
        return with_async_session(app)
    return with_flask_sqlalchemy(app, "asyncpg" if kind == "bridge" else "psycopg")


def __getattr__(name: str) -> Any:
    if name not in ("bridge", "blocking", "flask", "session"):
        raise AttributeError(name)
    prepare()
    return make_app(name)


if __name__ == "__main__":
    drop()
