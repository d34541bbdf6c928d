"""Clients that leave at each step: what was done is in the log once, and nothing else is."""

from __future__ import annotations

import json
import random
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from attacks.raw import Client
from baking import PYTHONS, BakedProject
from test_projects import SERVERS, Install, install, tool  # noqa: F401  # a fixture is one of them
from visitor import first_user, free_port, serve

pytestmark = [pytest.mark.slow, pytest.mark.soak]

CLIENTS = 8
GUESSES = 24
PATIENCE = 0.08  # Seconds that a client waits at most: longer than a password is hashed for.


@dataclass
class Attacked:
    """A running app, its log and its database."""

    project: BakedProject
    url: str
    log: Path
    folder: Path

    def user(self) -> tuple[str, str]:
        """Return the name and password of a new user."""
        env = {"INSTANCE_PATH": str(self.folder)}
        return first_user(self.project, tool(self.project, "quart"), **env)

    def logged_in(self, name: str, password: str, **form: str) -> list[Client]:
        """Return browsers that are logged in."""
        clients = [Client(self.url) for _ in range(CLIENTS)]
        for client in clients:
            client.log_in(name, password, **form)
        return clients

    def ask(self, what: str, name: str) -> Any:
        """Return a value from the user's row, and those of their logins."""
        query = f"SELECT {what} FROM users LEFT JOIN login_sessions ON users.id = user_id"  # noqa: S608
        with closing(sqlite3.connect(self.folder / "app.db")) as database:
            return database.execute(f"{query} WHERE name = ?", (name,)).fetchone()[0]

    def sessions(self, name: str) -> int:
        """Return how many logins the user has."""
        return int(self.ask("count(login_sessions.id)", name))

    def lines(self, name: str) -> Counter[str]:
        """Return what the log says of the user, once it says no more."""
        text, before = self.log.read_text(), ""
        while text != before:
            time.sleep(0.5)
            text, before = self.log.read_text(), text
        events = [json.loads(line) for line in re.findall(r'\{"event": .*\}', text)]
        return Counter(event["event"] for event in events if event["user"] == name)


@pytest.fixture(
    scope="module",
    params=[
        (server, python)
        for server in ("hypercorn", "uvicorn")
        for python in (PYTHONS[0], PYTHONS[-1])
    ],
    ids="-".join,
)
def app(
    request: pytest.FixtureRequest,
    install: Install,  # noqa: F811  # the fixture, by its name
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Attacked]:
    server, python = request.param
    project, port = install("sql", python), free_port()
    folder = tmp_path_factory.mktemp("instance")
    program, *options = SERVERS[server].format(port=port, slug=project.slug).split()
    settings = {
        "INSTANCE_PATH": str(folder),
        "LOGIN_LIMIT_PER_ADDRESS": "100000 per 15 minutes",
        "LOGIN_LIMIT_PER_ACCOUNT": f"{GUESSES} per 15 minutes",
    }
    command = (tool(project, program), *options)
    with serve(project.path, *command, port=port, env=project.env | settings) as url:
        yield Attacked(project, url, project.path / f"server-{port}.log", folder)


def leave(client: Client, path: str, **form: str) -> None:
    """Send a form, and be gone before or after it is looked at."""
    client.leave(random.uniform(0, PATIENCE), path, form or None)  # noqa: S311  # no secret


def test_guess_that_is_counted_is_logged(app: Attacked) -> None:
    name, stranger = uuid4().hex, Client(app.url)
    form = {"csrf_token": stranger.token(), "username": name, "password": "a wrong one"}
    for _ in range(GUESSES // 2):
        leave(stranger, "/", **form)
    logged = app.lines(name)
    assert set(logged) == {"login failed"}
    left = 0
    while "HTTP/1.1 401" in stranger.exchange("/", form):
        left += 1
    assert logged["login failed"] == GUESSES - left


def test_login_that_is_kept_is_logged(app: Attacked) -> None:
    name, password = app.user()
    for _ in range(CLIENTS):
        client = Client(app.url)
        leave(client, "/", csrf_token=client.token(), username=name, password=password)
    logged = app.lines(name)
    assert set(logged) <= {"login", "login cut off"}
    assert logged["login"] == app.sessions(name)


@pytest.mark.parametrize(
    ("path", "event"),
    [("/logout", "logout"), ("/account/sessions/{id}/end", "session ended")],
)
def test_login_that_is_ended_is_logged(app: Attacked, path: str, event: str) -> None:
    name, password = app.user()
    clients = app.logged_in(name, password)
    ids = str(app.ask("group_concat(login_sessions.id)", name)).split(",")
    for client, own in zip(clients, sorted(ids, key=int), strict=True):
        leave(client, path.format(id=own), csrf_token=client.token())
    logged = app.lines(name)
    assert set(logged) <= {"login", event}
    assert app.sessions(name) == CLIENTS - logged[event]


def test_all_logins_that_are_ended_are_logged(app: Attacked) -> None:
    name, password = app.user()
    for _ in range(CLIENTS // 2):
        client, ended = Client(app.url), app.lines(name)["all sessions ended"]
        client.log_in(name, password)
        sessions = app.sessions(name)
        leave(client, "/account/sessions/end", csrf_token=client.token())
        ended = app.lines(name)["all sessions ended"] - ended
        assert app.sessions(name) == (0 if ended else sessions)


def test_password_that_is_changed_is_logged(app: Attacked) -> None:
    name, password = app.user()
    for _ in range(CLIENTS // 2):
        client, changed = Client(app.url), app.lines(name)["password changed"]
        client.log_in(name, password)
        new, stored = uuid4().hex, app.ask("password", name)
        fields = {"current": password, "password": new, "confirm": new}
        leave(client, "/account/password", csrf_token=client.token(), **fields)
        changed = app.lines(name)["password changed"] - changed
        assert changed == (app.ask("password", name) != stored)
        password = new if changed else password
    Client(app.url).log_in(name, password)


def test_remembered_login_that_is_resumed_is_logged(app: Attacked) -> None:
    name, password = app.user()
    for client in app.logged_in(name, password, remember="y"):
        for cookie in [one for one in client.cookies if one.endswith("_session")]:
            del client.cookies[cookie]
        leave(client, "/protected")
    logged = app.lines(name)
    assert set(logged) <= {"login", "login resumed"}
    # Each exchange leaves the login that there was, and makes another.
    assert app.sessions(name) == CLIENTS + logged["login resumed"]
