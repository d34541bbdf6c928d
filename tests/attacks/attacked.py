"""An app whose clients leave when they like, and what it has done by then."""

from __future__ import annotations

import json
import random
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from attacks.raw import Client
from baking import BakedProject
from test_projects import SERVERS, tool
from visitor import first_user, free_port, serve

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

    @property
    def is_flask_securitys(self) -> bool:
        """Whether the login is Flask-Security's, with its names of things."""
        return self.project.answers["user_backend"] == "security"

    def client(self) -> Client:
        """Return a browser."""
        return Client(self.url, *(["/login", "email"] if self.is_flask_securitys else []))

    def nobody(self) -> str:
        """Return a name that nobody has."""
        return f"{uuid4().hex}@example.org" if self.is_flask_securitys else uuid4().hex

    def user(self) -> tuple[str, str]:
        """Return the name and password of a new user."""
        env = {"INSTANCE_PATH": str(self.folder)}
        return first_user(self.project, tool(self.project, "quart"), **env)

    def logged_in(self, name: str, password: str, **form: str) -> list[Client]:
        """Return browsers that are logged in."""
        clients = [self.client() for _ in range(CLIENTS)]
        for client in clients:
            client.log_in(name, password, **form)
        return clients

    def ask(self, what: str, name: str) -> Any:
        """Return a value from the user's row, and those of their logins."""
        query = (
            f"SELECT {what} FROM users LEFT JOIN login_sessions ON users.id = user_id WHERE name"  # noqa: S608
        )
        if self.is_flask_securitys:
            query = f"SELECT {what} FROM users WHERE email"  # noqa: S608
        with closing(sqlite3.connect(self.folder / "app.db")) as database:
            return database.execute(f"{query} = ?", (name,)).fetchone()[0]

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


@contextmanager
def attacked(project: BakedProject, folder: Path, server: str, **env: str) -> Iterator[Attacked]:
    """Serve a render, with a database in the folder."""
    port = free_port()
    program, *options = SERVERS[server].format(port=port, slug=project.slug).split()
    settings = {
        "INSTANCE_PATH": str(folder),
        "LOGIN_LIMIT_PER_ADDRESS": "100000 per 15 minutes",
        "LOGIN_LIMIT_PER_ACCOUNT": f"{GUESSES} per 15 minutes",
        **env,
    }
    command = (tool(project, program), *options)
    with serve(project.path, *command, port=port, env=project.env | settings) as url:
        yield Attacked(project, url, project.path / f"server-{port}.log", folder)


def leave(client: Client, path: str, **form: str) -> None:
    """Send a form, and be gone before or after it is looked at."""
    client.leave(random.uniform(0, PATIENCE), path, form or None)  # noqa: S311  # no secret


def assert_guesses_are_logged(app: Attacked) -> None:
    """Guess and leave; as many guesses are left as the log has no line of."""
    name, stranger = app.nobody(), app.client()
    form = {"csrf_token": stranger.token(), stranger.field: name, "password": "a wrong one"}
    for _ in range(GUESSES // 2):
        leave(stranger, stranger.login, **form)
    logged = app.lines(name)
    assert set(logged) == {"login failed"}
    left = 0
    while "HTTP/1.1 401" in stranger.exchange(stranger.login, form):
        left += 1
    assert logged["login failed"] == GUESSES - left
