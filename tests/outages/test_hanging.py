"""A database that hangs leaves one line for each request, and no more of its driver's."""

from __future__ import annotations

from contextlib import closing

import httpx
import pytest
from baking import PYTHONS
from outages.conftest import serving
from outages.stores import Postgres
from test_projects import Install

pytestmark = pytest.mark.soak


def test_readiness_of_a_database_that_hangs_is_refused_in_one_line(install: Install) -> None:
    project = install("sql", PYTHONS[-1])
    with closing(Postgres()) as database, serving(project, database, "hypercorn") as site:
        url = site.urls["hypercorn"]
        log = project.path / f"server-{httpx.URL(url).port}.log"
        # Leaves a connection in the pool, over which the next one asks.
        assert httpx.get(f"{url}/readyz").status_code == 200
        before = log.read_text()
        database.hang()
        # The second makes a connection anew, which is broken off later.
        for _ in range(2):
            assert httpx.get(f"{url}/readyz", timeout=30).status_code == 503
        database.go_on()
        said = log.read_text().removeprefix(before).splitlines()
        assert [line[-30:] for line in said] == ["No store of logins within 2 s."] * 2
        assert httpx.get(f"{url}/readyz", timeout=30).status_code == 200
