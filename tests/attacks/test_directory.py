"""A directory that takes its time, or that many ask at once, behind an app that is attacked."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from attacks.attacked import GUESSES, Attacked, attacked
from attacks.test_race import store
from baking import PYTHONS
from directory import Directory, dn_of, serve_directory
from test_projects import Install, install  # noqa: F401  # a fixture is one of them

pytestmark = [pytest.mark.slow, pytest.mark.soak]

__all__ = ["store"]  # a fixture

PASSWORD = "a password for this test"
CROWD = 40


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    """A directory that the test may hold up."""
    with serve_directory(tmp_path) as directory:
        yield directory


@pytest.fixture
def interval() -> str:
    """After how long the directory is asked again about who is logged in."""
    return "1h"


@pytest.fixture
def app(
    install: Install,  # noqa: F811  # the fixture, by its name
    directory: Directory,
    tmp_path: Path,
    interval: str,
) -> Iterator[Attacked]:
    env = {"LOGIN_LIMIT_PER_ADDRESS": f"{CROWD} per 15 minutes", "LDAP_TIMEOUT": "2"}
    env["LDAP_CHECK_INTERVAL"] = interval
    project = install("ldap", PYTHONS[-1])
    with attacked(project, tmp_path, "hypercorn", **directory.settings, **env) as app:
        yield app


def test_guess_whose_client_leaves_while_the_directory_is_asked_is_counted_and_logged(
    app: Attacked, directory: Directory
) -> None:
    name, stranger = uuid.uuid4().hex, app.client()
    directory.add_person(name, PASSWORD)
    form = {"csrf_token": stranger.token(), "username": name, "password": "a wrong one"}
    with directory.hanging():
        for _ in range(3):
            stranger.leave(0.2, "/", form)
    assert app.lines(name) == {"login failed": 3}
    assert directory.binds(name) == 3
    left = 0
    while "HTTP/1.1 401" in stranger.exchange("/", form):
        left += 1
    assert left == GUESSES - 3


def test_login_whose_client_leaves_while_the_directory_is_asked_is_none(
    app: Attacked, directory: Directory
) -> None:
    name, client = uuid.uuid4().hex, app.client()
    directory.add_person(name, PASSWORD)
    form = {"csrf_token": client.token(), "username": name, "password": PASSWORD}
    with directory.hanging():
        client.leave(0.2, "/", form)
    assert app.lines(name) == {"login cut off": 1}
    assert app.sessions(name) == 0


@pytest.mark.parametrize("interval", ["1s"])
def test_logout_waits_for_no_directory(app: Attacked, directory: Directory) -> None:
    name = uuid.uuid4().hex
    directory.add_person(name, PASSWORD)
    clients = app.logged_in(name, PASSWORD)
    tokens = [client.token() for client in clients]
    time.sleep(1)  # It is time to ask again.
    with directory.hanging():
        for client, token in zip(clients, tokens, strict=True):
            assert "HTTP/1.1 303" in client.exchange("/logout", {"csrf_token": token})
    assert app.lines(name) == {"login": len(clients), "logout": len(clients)}
    assert app.sessions(name) == 0


@pytest.mark.parametrize("interval", ["1s"])
def test_login_that_the_directory_withdraws_is_logged_although_the_client_leaves(
    app: Attacked, directory: Directory
) -> None:
    for seconds in (0.2, 0.01, 0.02, 0.03, 0.04):
        name, client = uuid.uuid4().hex, app.client()
        directory.add_person(name, PASSWORD)
        client.log_in(name, PASSWORD)
        directory.delete(dn_of(name))
        time.sleep(1)
        with directory.hanging():
            client.leave(0.2, "/protected")
        client.leave(seconds, "/protected")
        withdrawn = app.lines(name)["login withdrawn"]
        assert withdrawn == 1 - app.sessions(name)


async def send(client: httpx.AsyncClient, name: str, password: str) -> int:
    """Send the form of the login, and return the status."""
    page = await client.get("/", headers={"Accept": "text/html"})
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token, page.text
    form = {"csrf_token": token[1], "username": name, "password": password}
    return (await client.post("/", data=form)).status_code


async def test_logins_at_a_directory_that_hangs_hold_up_nobody_and_cost_nothing(
    app: Attacked, directory: Directory
) -> None:
    member, names = uuid.uuid4().hex, [uuid.uuid4().hex for _ in range(CROWD)]
    for name in (member, *names):
        directory.add_person(name, PASSWORD)

    async def log_in(name: str, password: str = PASSWORD) -> int:
        async with httpx.AsyncClient(base_url=app.url, timeout=60) as client:
            return await send(client, name, password)

    # Hypercorn closes a connection after a thousand requests.
    close = {"Connection": "close"}
    async with httpx.AsyncClient(base_url=app.url, timeout=60, headers=close) as inside:
        assert await send(inside, member, PASSWORD) == 303
        seen: Counter[int] = Counter()
        with directory.hanging():
            logins = [asyncio.create_task(log_in(name)) for name in names]
            while not any(login.done() for login in logins):
                seen[(await inside.get("/protected")).status_code] += 1
            assert await asyncio.gather(*logins) == [503] * CROWD
        assert set(seen) == {200}
        assert seen[200] > CROWD
    # Nothing of it is counted: neither on the accounts nor on the address, whose all are left.
    answers = [await log_in(name, "a wrong one") for name in names]
    assert answers == [401] * CROWD
    assert await log_in(names[0], "a wrong one") == 429


async def test_racing_guesses_over_two_processes_reach_the_directory_as_often_as_the_limit_says(
    install: Install,  # noqa: F811  # the fixture, by its name
    directory: Directory,
    tmp_path: Path,
    store: str,
) -> None:
    name, project = uuid.uuid4().hex, install("ldap", PYTHONS[-1])
    directory.add_person(name, PASSWORD)
    env = {**directory.settings, "RATELIMIT_STORAGE_URI": store}
    with ExitStack() as stack:
        apps = [
            stack.enter_context(attacked(project, tmp_path, "hypercorn", **env)) for _ in range(2)
        ]
        ready = asyncio.Barrier(2 * GUESSES)

        async def guess(number: int) -> int:
            url = apps[number % 2].url
            async with httpx.AsyncClient(base_url=url, timeout=60) as client:
                await client.get("/")
                await ready.wait()
                return await send(client, name, f"wrong{number}")

        answers = await asyncio.gather(*(guess(number) for number in range(2 * GUESSES)))
    assert (answers.count(401), answers.count(429)) == (GUESSES, GUESSES)
    assert directory.binds(name) == GUESSES
