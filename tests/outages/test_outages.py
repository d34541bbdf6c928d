"""Each part fails in turn: what every page does meanwhile, when all is well again, what is lost.

The run of both Pythons writes build/outages-*.json, of which table.py makes docs/reliability.md's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import Any

import pytest
from baking import PYTHONS, ROOT
from outages.conftest import Site, serving
from outages.probes import Answer, Look, ask_all
from outages.stores import Postgres, Redis, Store
from test_projects import Install

pytestmark = pytest.mark.soak

ALONE = ("public page", "static file", "404", "405", "/healthz", "login page")
OF_DATABASE = ("login", "page behind it", "own query", "own change", "new websocket", "/readyz")
SERVERS = ("hypercorn", "uvicorn")


@contextmanager
def hanging(store: Store) -> Iterator[None]:
    """Let the store answer nobody."""
    store.hang()
    yield
    store.go_on()


@contextmanager
def killed(store: Store) -> Iterator[None]:
    """End the store without a word."""
    store.kill()
    yield
    store.start()


@contextmanager
def restarted(store: Store) -> Iterator[None]:
    """Restart the store, and look when it is back."""
    store.restart()
    yield


@contextmanager
def full(store: Postgres | Redis) -> Iterator[None]:
    """Leave the store no room."""
    store.fill()
    yield
    store.make_room()


@contextmanager
def read_only(store: Postgres) -> Iterator[None]:
    """Let the database refuse changes."""
    store.read_only(True)
    yield
    store.read_only(False)


def slow(store: Store) -> AbstractContextManager[None]:
    """Let the store run for a seventh of the time."""
    return store.slow()


Outage = tuple[str, Callable[[Any], AbstractContextManager[None]], dict[str, str]]
GONE = dict.fromkeys(OF_DATABASE, "503")
READABLE = {"login": "503", "own change": "503"}
OUTAGES: list[Outage] = [
    ("PostgreSQL hangs", hanging, GONE),
    ("PostgreSQL is killed", killed, GONE),
    ("PostgreSQL was restarted", restarted, {}),
    ("PostgreSQL is full", full, READABLE),
    ("PostgreSQL is read-only", read_only, READABLE),
    ("PostgreSQL is slow", slow, {}),
    ("Redis hangs", hanging, {"login": "503"}),
    ("Redis is killed", killed, {"login": "503"}),
    ("Redis is full", full, {"login": "503"}),
    ("Redis is slow", slow, {}),
]
WELL = {
    **dict.fromkeys((*ALONE, *OF_DATABASE), "200"),
    **{"404": "404", "405": "405", "login": "303", "quart users": "done"},
    **dict.fromkeys(("open websocket", "open stream", "new websocket"), "open"),
}
COMMAND = {"PostgreSQL hangs", "PostgreSQL is killed"}


def lost(site: Site, looks: dict[str, Look], database: Postgres, counted: int, redis: Redis) -> str:
    """Return what is not there any more after an outage."""
    gone = []
    if any(look.get("/protected") != 200 for look in looks.values()):
        gone.append("logins")
    acknowledged = {text for look in looks.values() for text in look.writer.acknowledged}
    with database.connect() as server:
        kept = {str(row[0]) for row in server.execute("SELECT text FROM notes").fetchall()}
    if acknowledged - kept:
        gone.append("acknowledged changes")
    if redis.counted() < counted:
        gone.append("counts of failed logins")
    return ", ".join(gone) or "nothing"


def until_well(looks: dict[str, Look]) -> float:
    """Return the seconds until everything works on each server."""
    started = time.monotonic()
    while not all(look.is_well() for look in looks.values()):
        assert time.monotonic() - started < 60, "not well again within a minute"
        time.sleep(0.1)
    return time.monotonic() - started


def try_often(look: Look) -> None:
    """Try to log in more often than the limit allows, as far as a few seconds go."""
    deadline = time.monotonic() + 6
    for _ in range(6):
        if time.monotonic() < deadline:
            look.login()


@pytest.mark.parametrize("python", [PYTHONS[0], PYTHONS[-1]])
def test_each_page_does_what_it_can_while_a_part_is_gone(python: str, install: Install) -> None:
    found: dict[str, Any] = {}
    wrong: list[Any] = []
    with (
        closing(Postgres()) as database,
        closing(Redis()) as redis,
        serving(
            install("sql", python), database, *SERVERS, RATELIMIT_STORAGE_URI=redis.url
        ) as site,
    ):
        for name, outage, changed in OUTAGES:
            store = database if name.startswith("PostgreSQL") else redis
            redis.client.flushdb()
            with ExitStack() as stack:
                looks = {server: Look(site, server, stack) for server in SERVERS}
                assert [look.login(name="ghost") for look in looks.values()] == [401, 401]
                counted = redis.counted()
                with outage(store):
                    answers = ask_all(looks)
                    try_often(looks["hypercorn"])
                seconds = until_well(looks)
                for look in looks.values():
                    look.writer.close()
                what = lost(site, looks, database, counted, redis)
            found[name] = {"answers": answers, "seconds": seconds, "lost": what}
            expected = WELL | changed | ({"quart users": "one line"} if name in COMMAND else {})
            wrong += [
                (name, page, server, answer, expected[page])
                for page, each in answers.items()
                for server, answer in each.items()
                if answer.what != expected[page]
            ]
            if what != "nothing" and (store is database or "counts" not in what):
                wrong.append((name, what))
        write(python, found)
        assert wrong == []


def write(python: str, found: dict[str, Any]) -> None:
    """Keep what was found for the table."""

    def plain(answer: Answer) -> list[Any]:
        return [answer.what, round(answer.seconds, 2)]

    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    text = json.dumps(found, indent=1, default=plain)
    (folder / f"outages-{python}.json").write_text(text + "\n", encoding="utf-8")
