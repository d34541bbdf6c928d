"""Who may see what: all that is not marked `@public` asks for a login, whatever you add."""

import pytest
from browser import Browser
from quart import Quart
from walk import find_open, is_public, routes


@pytest.mark.promise(18, asvs="8.1.1, 8.2.1, 8.3.1")
async def test_nothing_is_open_that_nobody_has_made_public(app: Quart, browser: Browser) -> None:
    assert await find_open(app, browser) == []


async def test_public_pages_open_for_everybody(app: Quart, browser: Browser) -> None:
    for rule, path in routes(app):
        if is_public(app, rule) and "GET" in (rule.methods or ()) and not rule.arguments:
            for method in ("GET", "HEAD", "OPTIONS"):
                answer = await browser.open(path, method=method)
                assert answer.status_code < 400, f"{method} {rule}"


async def test_member_is_not_asked_to_log_in(app: Quart, member: Browser) -> None:
    for rule, path in routes(app):
        if "GET" in (rule.methods or ()) and not rule.websocket:
            answer = await member.get(path, headers={"Accept": "*/*"})
            assert answer.status_code != 401, rule
