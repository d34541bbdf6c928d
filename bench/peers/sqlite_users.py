"""Users in SQLite through SQLAlchemy's asyncio layer, one query a request."""

import os

from common import HASH, NAME, Visitor
from sqlalchemy import Column, Integer, MetaData, String, Table, event, insert, select
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['PEER_FOLDER']}/users.db")
users = Table(
    "users",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", String, unique=True),
    Column("password", String),
)


@event.listens_for(engine.sync_engine, "connect")
def set_pragmas(connection: object, _: object) -> None:
    """Set what the render sets."""
    cursor = connection.cursor()  # type: ignore[attr-defined]  # of the driver
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


async def add_user() -> None:
    """Create the table and its one user."""
    async with engine.begin() as connection:
        await connection.run_sync(users.metadata.create_all)
        if (await connection.execute(select(users.c.id))).first() is None:
            await connection.execute(insert(users).values(name=NAME, password=HASH))


async def find_user(name: str) -> Visitor | None:
    """Look the user up."""
    async with engine.connect() as connection:
        query = select(users.c.name).where(users.c.name == name)
        found = await connection.scalar(query)
    return Visitor(found) if found else None


async def close() -> None:
    """Close the connections."""
    await engine.dispose()
