"""An app that serves on stores of the tests' own, by each server that it is meant for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from baking import BakedProject
from outages.stores import MariaDB, Postgres
from test_projects import Install, install, tool  # noqa: F401  # a fixture is one of them
from visitor import Visitor, first_user, free_port, serve

PAGES = str(Path(__file__).parent)
SERVERS = {
    "hypercorn": "hypercorn --bind localhost:{port} pages:app",
    "uvicorn": "uvicorn --port {port} pages:app",
    "granian": "granian --interface asgi --port {port} pages:app",
}


@dataclass(frozen=True)
class Site:
    """Servers of one app, and somebody who may log in."""

    project: BakedProject
    env: dict[str, str]
    urls: dict[str, str]
    name: str
    password: str


@contextlib.contextmanager
def serving(
    project: BakedProject, database: Postgres | MariaDB, *servers: str, **settings: str
) -> Iterator[Site]:
    """Serve the app with `pages.py` on a database that is empty, by these servers."""
    database.create()
    settings = {"DATABASE_URL": database.url, "LOGIN_CHECK_INTERVAL": "1s", **settings}
    quart = tool(project, "quart")
    project.run(quart, "db", "upgrade", env=settings)
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE notes (text text)")
        connection.commit()
    name, password = first_user(project, quart, **settings)
    env = project.env | settings | {"PYTHONPATH": PAGES, "QUART_APP": project.slug}
    with contextlib.ExitStack() as stack:
        urls = {}
        for server in servers:
            port = free_port()
            program, *options = SERVERS[server].format(port=port).split()
            command = (tool(project, program), *options)
            urls[server] = stack.enter_context(serve(project.path, *command, port=port, env=env))
        yield Site(project, env, urls, name, password)


@contextlib.contextmanager
def visiting(url: str) -> Iterator[Visitor]:
    """Open a browser, and close it at the end of the block."""
    visitor = Visitor(url)
    visitor.client.timeout = 30
    with visitor.client:
        yield visitor
