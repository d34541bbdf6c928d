"""Measure what it costs to see that a connection is closed: the look, the ping, and neither.

Run by a render's Python, with the address of a database: measure.py postgresql://...
"""

import asyncio
import statistics
import sys
import time

from flask_patch import greenlet_spawn  # patches on import, so it comes first

# isort: split
from accounts.sql import database_settings
from accounts.sql.faults import _refuse_closed
from sqlalchemy import Engine, create_engine, event, text

BATCHES, QUERIES = 40, 50


def engines(url: str) -> dict[str, Engine]:
    """Return an engine for each way."""
    address = database_settings(url, "")["SQLALCHEMY_DATABASE_URI"]
    made = {"neither": create_engine(address), "look": create_engine(address)}
    event.listen(made["look"], "checkout", _refuse_closed)
    made["pool_pre_ping"] = create_engine(address, pool_pre_ping=True)
    return made


def batch(engine: Engine) -> tuple[float, float]:
    """Return the microseconds of this processor, and of the clock, for a query."""
    processor, clock = time.process_time(), time.perf_counter()
    for _ in range(QUERIES):
        with engine.connect() as connection:
            connection.execute(text("SELECT 1")).first()
    spent = time.process_time() - processor, time.perf_counter() - clock
    return spent[0] / QUERIES * 1e6, spent[1] / QUERIES * 1e6


def measure(url: str) -> None:
    """Print the medians of batches that take turns."""
    made = engines(url)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in made}
    for engine in made.values():
        batch(engine)
    for _ in range(BATCHES):
        for name, engine in made.items():
            found[name].append(batch(engine))
    for name, spent in found.items():
        processor, clock = (statistics.median(column) for column in zip(*spent, strict=True))
        print(f"{name:15}{processor:6.0f} us of processor time, {clock:6.0f} us in all")
    for engine in made.values():
        engine.dispose()


if __name__ == "__main__":
    asyncio.run(greenlet_spawn(measure, sys.argv[1]))
