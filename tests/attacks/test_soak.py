"""Three minutes of everything at once, and nobody sees what is another's; nothing is left behind.

Users whose names are marks ask for all kinds of pages, leave, and time out, while connections to
the database are killed and Redis restarts. The minutes are shared out over pairs of choices.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from attacks.crowd import Crowd, new_mark
from baking import PYTHONS, pairwise
from interpreters import UV
from outages.stores import Redis
from test_projects import Install, install, postgres, tool  # noqa: F401  # fixtures are among them
from visitor import first_user, free_port, serve

pytestmark = [pytest.mark.slow, pytest.mark.soak]

SECONDS = 180
USERS = 6
KINDS = [
    *("async", "sync", "thread", "slow", "render", "note", "stream", "sync-stream"),
    *("timeout", "cancel", "fail", "live"),
]
SERVERS = {
    "hypercorn": "hypercorn --bind localhost:{port} marked:app",
    "uvicorn": "uvicorn --loop uvloop --no-proxy-headers --port {port} marked:app",
}
PAIRS = pairwise(
    {
        "python": [PYTHONS[0], PYTHONS[-1]],  # Quart 0.22 and 0.23
        "server": list(SERVERS),
        "database": ["SQLite", "PostgreSQL"],
    }
)
NOISE = re.compile(
    r"never retrieved|never awaited|Exception (?:closing|terminating) connection|"
    r"Task was destroyed|Exception ignored|in shielded future|Exception during reset|"
    r"query cancellation interrupted|garbage collector is trying"
)
KILL = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND pid != pg_backend_pid() AND random() < 0.5"""
OPEN = """SELECT state FROM pg_stat_activity
          WHERE datname = current_database() AND pid != pg_backend_pid()"""


@dataclass
class Soaked:
    """An app that runs, and what is done to it."""

    url: str
    log: Path
    crowd: Crowd
    harm: list[Callable[[], None]]


def restart(redis: Redis) -> None:
    """End Redis without a word, and start it again after a while."""
    redis.kill()
    time.sleep(0.5)
    redis.start()


@contextmanager
def harmed(harm: list[Callable[[], None]]) -> Iterator[None]:
    """Do harm about once a second, meanwhile."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(random.uniform(0.5, 1.5)):  # noqa: S311  # no secret
            random.choice(harm)()  # noqa: S311

    thread = threading.Thread(target=work)
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.fixture(params=PAIRS, ids=lambda pair: "-".join(pair.values()))
def soaked(
    request: pytest.FixtureRequest,
    install: Install,  # noqa: F811  # the fixtures, by their names
    tmp_path: Path,
) -> Iterator[Soaked]:
    pair = request.param
    project, port = install("sql", pair["python"]), free_port()
    project.run(UV, "pip", "install", "--quiet", "uvloop", "websockets")
    with ExitStack() as stack:
        redis = stack.enter_context(closing(Redis()))
        env = {
            "INSTANCE_PATH": str(tmp_path),
            "RATELIMIT_STORAGE_URI": redis.url,
            "LOGIN_LIMIT_PER_ADDRESS": "100000 per 15 minutes",
            "QUART_APP": project.slug,
            "PYTHONPATH": str(Path(__file__).parent),
        }
        harm: list[Callable[[], None]] = [lambda: restart(redis)]
        if pair["database"] == "PostgreSQL":
            env["DATABASE_URL"] = request.getfixturevalue("postgres")
            watcher = stack.enter_context(psycopg.connect(env["DATABASE_URL"], autocommit=True))
            harm += [lambda: watcher.execute(KILL) and None] * 3
        project.run(tool(project, "quart"), "db", "upgrade", env=env)
        table = "CREATE TABLE soak (name TEXT, request TEXT)"
        if pair["database"] == "PostgreSQL":
            watcher.execute(table)
        else:
            with closing(sqlite3.connect(tmp_path / "app.db")) as database:
                database.execute(table)
        quart = tool(project, "quart")
        users = [first_user(project, quart, name=new_mark("mark"), **env) for _ in range(USERS)]
        program, *options = SERVERS[pair["server"]].format(port=port).split()
        command = (tool(project, program), *options)
        serving = serve(project.path, *command, port=port, env=project.env | env, faults=True)
        url = stack.enter_context(serving)
        log = project.path / f"server-{port}.log"
        yield Soaked(url, log, Crowd.log_in(url, users), harm)
        if pair["database"] == "PostgreSQL":
            states = [state for (state,) in watcher.execute(OPEN)]
            assert set(states) <= {"idle"}
            assert len(states) <= 3


async def state(crowd: Crowd, files: float = math.inf) -> dict[str, Any]:
    """Return what the process holds, when it is at rest and holds no more than so many files.

    What was cut off is ended in the background, which takes its time while others are busy.
    """
    held: dict[str, Any] = {}
    for _ in range(60):
        await asyncio.sleep(0.5)
        _, text = await crowd.members[0].ask("/soak/state")
        held = json.loads(text[text.index("{") : text.rindex("}") + 1])
        if held["in_use"] == 0 and held["hosts"] <= 1 and held["files"] <= files:
            break
    return held


async def run(soaked: Soaked, seconds: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let the crowd wander; return what the process held before and after."""
    crowd = soaked.crowd
    await crowd.wander(KINDS, seconds / 6, each=3)
    before = await state(crowd)
    with harmed(soaked.harm):
        await crowd.wander(KINDS, seconds, each=3)
    await asyncio.sleep(2)
    return before, await state(crowd, before["files"] + 10)


async def test_nobody_sees_what_is_anothers_and_nothing_is_left(soaked: Soaked) -> None:
    crowd = soaked.crowd
    before, after = await run(soaked, SECONDS / len(PAIRS))
    print(json.dumps({str(key): number for key, number in sorted(crowd.answers.items())}))
    print(before, after)
    assert crowd.foreign == []
    assert {status for _, status in crowd.answers} <= {-1, 0, 101, 200, 500, 503}
    # All is well again, for everybody.
    for member in crowd.members:
        for kind in KINDS:
            well = {"fail": 500, "live": 101}.get(kind, 200)
            assert await crowd.ask(member, kind) == well, kind
    assert crowd.foreign == []
    assert after["in_use"] == 0
    assert after["hosts"] <= before["hosts"] + 1
    assert sum(after["tasks"].values()) <= sum(before["tasks"].values()) + 3
    assert after["threads"] <= before["threads"] + 4
    assert after["files"] <= before["files"] + 10
    assert after["megabytes"] <= before["megabytes"] + 40
    assert NOISE.findall(soaked.log.read_text()) == []
