"""A websocket that is open when its user logs out is closed, by each server."""

from __future__ import annotations

from contextlib import closing

import pytest
from baking import PYTHONS
from outages.conftest import SERVERS, serving, visiting
from outages.probes import Socket
from outages.stores import Postgres
from test_projects import Install

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("python", [PYTHONS[0], PYTHONS[-1]])
def test_open_websocket_is_closed_soon_after_the_logout(python: str, install: Install) -> None:
    with (
        closing(Postgres()) as database,
        serving(install("sql", python), database, *SERVERS) as site,
    ):
        for server, url in site.urls.items():
            with visiting(url) as visitor:
                visitor.login(site.name, site.password)
                with closing(Socket(url, visitor.client.cookies)) as socket:
                    assert [socket.next() for _ in range(3)] == ["open"] * 3, server
                    visitor.logout()
                    assert next(word for word in socket.events if word != "open") == "closed"
                with closing(Socket(url, visitor.client.cookies)) as socket:
                    assert socket.next() in ("401", "403"), server
