"""Compare PostgreSQL's drivers: microseconds of processor time of a request behind the login.

python3 bench/drivers.py        two minutes, roughly

In one process, without a server, the drivers take turns batch by batch, so that whatever else the
machine does disturbs each as much. Needs a PostgreSQL server (TEST_POSTGRES_URL, else
localhost:5432).
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any
from uuid import uuid4

from in_process import Client
from lineup import UVICORN_PACKAGES, UVLOOP, Peer
from servers import CACHE, HERE, SETTINGS, Workshop, machine, surroundings
from visitor import NAME, PASSWORD, check, filled_in

SERVER = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@localhost:5432/postgres")
IN_TRANSACTION = "asyncpg, in a transaction"
WAYS = {
    "asyncpg": ("postgresql+asyncpg", {}),
    "psycopg, statements prepared": ("postgresql+psycopg_async", {"prepare_threshold": 5}),
    "psycopg, none prepared": ("postgresql+psycopg_async", {"prepare_threshold": None}),
    IN_TRANSACTION: ("postgresql+asyncpg", {}),
}
PATHS = ("/line", "/protected")
BATCHES, REQUESTS = 80, 25


def main() -> None:
    """Run the comparison in the render's environment, with both drivers in it."""
    workshop = Workshop(CACHE)
    peer = Peer("drivers", "", UVLOOP, (*UVICORN_PACKAGES, "asyncpg"), backend="sql")
    binaries, variables = workshop.prepare(peer)
    with tempfile.TemporaryDirectory() as folder:
        variables["PYTHONPATH"] += os.pathsep + str(HERE)
        command = [binaries / "python", __file__, "here"]
        env = surroundings(variables | {"LOG_LEVEL": "ERROR"}, folder)
        subprocess.run(command, env=env, cwd=folder, check=True)


async def visit(way: str, url: Any) -> tuple[Any, Client]:
    """Start an app on the driver and log in; return the app and who is logged in."""
    from bench_app import create_app
    from flask_login import current_user
    from sqlalchemy.event import listen

    driver, options = WAYS[way]
    given = url.set(drivername=driver).render_as_string(hide_password=False)
    app = create_app({**SETTINGS, "DATABASE_URL": given})
    database = app.extensions["accounts"].store.database
    if way == IN_TRANSACTION:
        database._reader = database.engine
    listen(database.engine, "do_connect", lambda *given: given[3].update(options))

    @app.get("/line")
    async def line() -> str:
        return f"Logged in as: {current_user.name}"

    await app.startup()
    client = Client(app)
    _, page = await client.ask("/")
    await client.ask("/", filled_in(page))
    return app, client


async def compare(url: Any) -> None:
    """Let the drivers take turns, and print what each costs."""
    started = {way: await visit(way, url) for way in WAYS}
    costs: dict[tuple[str, str], list[float]] = {(p, w): [] for p in PATHS for w in WAYS}
    for path in PATHS:
        for turn in range(BATCHES):
            for way in [*WAYS][:: 1 if turn % 2 else -1]:
                client = started[way][1]
                check(path, *await client.ask(path))
                begin = time.process_time()
                for _ in range(REQUESTS):
                    await client.ask(path)
                costs[path, way].append((time.process_time() - begin) / REQUESTS * 1e6)
    for app, _ in started.values():
        await app.shutdown()
    print(f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, {machine()}\n")
    print("| µs of processor | way | median (least) | times asyncpg, by pairs |\n|---|---|---|---|")
    for (path, way), found in costs.items():
        pairs = zip(found, costs[path, "asyncpg"], strict=True)
        ratio = statistics.median(ours / theirs for ours, theirs in pairs)
        middle = statistics.median(found)
        print(f"| `{path}` | {way} | {middle:,.0f} ({min(found):,.0f}) | {ratio:.2f} |")


def here() -> None:
    """Make a database with a user, compare, and drop it."""
    import psycopg
    import uvloop
    from bench_app import create_app
    from flask_migrate import upgrade
    from flask_patch import hosted
    from sqlalchemy import make_url

    name = f"bench_{uuid4().hex}"
    url = make_url(SERVER).set(database=name)
    with psycopg.connect(SERVER, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")

    @hosted
    async def prepare() -> None:
        given = url.render_as_string(hide_password=False)
        app = create_app({**SETTINGS, "DATABASE_URL": given})
        accounts = app.extensions["accounts"]
        async with app.app_context():
            upgrade()
            await accounts.users.add(NAME, PASSWORD)
        await accounts.store.close()

    try:
        asyncio.run(prepare())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(compare(url))
    finally:
        with psycopg.connect(SERVER, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


if __name__ == "__main__":
    here() if sys.argv[1:] else main()
