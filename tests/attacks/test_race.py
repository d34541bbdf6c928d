"""Guesses that race each other over two processes, counted by one Redis."""

from __future__ import annotations

import asyncio
import os
import re
import uuid
from contextlib import ExitStack

import httpx
import pytest
import redis
from attacks.sites import Site, Start

FORMS = ["sql", *(pytest.param(one, marks=pytest.mark.soak) for one in ("ldap", "security"))]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("backend", FORMS, indirect=True, scope="session"),
]

REDIS = os.environ.get("TEST_REDIS_URL") or "redis://localhost:6379/11"


@pytest.fixture(scope="session")
def store() -> str:
    """The address of a Redis that answers."""
    try:
        redis.Redis.from_url(REDIS).ping()
    except redis.RedisError as error:
        pytest.skip(f"Redis does not answer at {REDIS}: {error}")
    return REDIS


async def guess(site: Site, name: str, password: str, ready: asyncio.Barrier) -> int:
    """Send a login when all are ready, and return the status."""
    async with httpx.AsyncClient(base_url=site.url, timeout=60) as client:
        page = await client.get(site.login, headers={"Accept": "text/html"})
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        assert token, page.text
        form = {"csrf_token": token[1], site.field: name, "password": password}
        await ready.wait()
        return (await client.post(site.login, data=form)).status_code


async def test_racing_guesses_over_two_processes_stay_at_the_limit(
    start: Start, store: str
) -> None:
    name = f"nobody-{uuid.uuid4().hex}"
    with ExitStack() as servers:
        sites = [servers.enter_context(start(RATELIMIT_STORAGE_URI=store)) for _ in range(2)]
        ready = asyncio.Barrier(50)
        answers = await asyncio.gather(
            *(guess(sites[number % 2], name, f"wrong{number}", ready) for number in range(50))
        )
    assert (answers.count(401), answers.count(429)) == (5, 45)


async def test_restart_forgets_no_guess(start: Start, store: str) -> None:
    once = asyncio.Barrier(1)
    limit = {"RATELIMIT_STORAGE_URI": store, "LOGIN_LIMIT_PER_ACCOUNT": "3 per 2 minutes"}
    name = f"nobody-{uuid.uuid4().hex}"
    with start(**limit) as site:
        assert [await guess(site, name, "wrong", once) for _ in range(3)] == [401] * 3
    with start(**limit) as site:
        assert await guess(site, name, "wrong", once) == 429
        assert await guess(site, site.name, site.password, once) in (302, 303)
