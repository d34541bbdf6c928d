"""Connections that a database closes, by a restart or a timeout, cost nobody a page."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
from baking import PYTHONS
from outages.conftest import serving, visiting
from outages.stores import MariaDB, Postgres
from test_projects import Install

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("python", [PYTHONS[0], PYTHONS[-1]])
@pytest.mark.parametrize("kind", [Postgres, MariaDB])
def test_first_page_after_connections_were_closed_is_whole(
    kind: type[Postgres | MariaDB], python: str, install: Install
) -> None:
    with (
        closing(kind()) as database,
        serving(install("sql", python), database, "hypercorn", "uvicorn") as site,
        ThreadPoolExecutor(8) as pool,
        ExitStack() as stack,
    ):
        visitors = [stack.enter_context(visiting(url)) for url in site.urls.values()]
        for visitor in visitors:
            assert visitor.login(site.name, site.password).url.path == "/home"
        for end in (database.restart, database.close_connections, database.restart):
            # Several at a time, so that several connections are open.
            list(pool.map(lambda n: visitors[n % 2].client.get("/users"), range(32)))
            end()
            for visitor in visitors:
                assert visitor.client.get("/users").status_code == 200
                assert visitor.client.post("/notes", data={"text": "x"}).status_code == 200
                assert visitor.client.get("/protected").url.path == "/protected"
                assert visitor.client.get("/readyz").status_code == 200
            end()
            for visitor in visitors:
                assert visitor.client.post("/notes", data={"text": "x"}).status_code == 200
                assert visitor.client.get("/protected").url.path == "/protected"
