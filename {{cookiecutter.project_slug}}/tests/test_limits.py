"""Limits beyond the login's: Flask-Limiter's hold for any view, and for all."""

from importlib import import_module

import pytest
from conftest import PACKAGE, Browser
from flask_limiter import Limit
from quart import Blueprint, Quart

limiter = import_module(f"{PACKAGE.__name__}.extensions").limiter


async def codes(browser: Browser, path: str) -> list[int]:
    return [(await browser.get(path)).status_code for _ in range(3)]


async def test_a_limit_on_a_view_holds(app: Quart, member: Browser) -> None:
    @app.get("/rare")
    @limiter.limit("2 per minute")
    async def rare() -> str:
        return "ok"

    assert await codes(member, "/rare") == [200, 200, 429]
    assert await codes(member, "/healthz") == [200, 200, 200]


async def test_a_limit_that_counts_failures_holds(app: Quart, member: Browser) -> None:
    @app.get("/failing/<int:code>")
    @limiter.limit("1 per minute", deduct_when=lambda response: response.status_code == 400)
    async def failing(code: int) -> tuple[str, int]:
        return "answered", code

    assert await codes(member, "/failing/200") == [200, 200, 200]
    assert await codes(member, "/failing/400") == [400, 429, 429]


async def test_a_limited_view_can_tell_what_is_left(
    app: Quart, member: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    @app.get("/counted")
    @limiter.limit("2 per minute")
    async def counted() -> str:
        return "ok"

    monkeypatch.setattr(limiter, "_headers_enabled", True)
    left = [(await member.get("/counted")).headers["X-RateLimit-Remaining"] for _ in range(2)]
    assert left == ["1", "0"]
    assert "X-RateLimit-Remaining" not in (await member.get("/healthz")).headers


async def test_a_limit_on_all_views_holds(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = [Limit("2 per minute").bind(limiter)]
    monkeypatch.setattr(limiter.limit_manager, "_default_limits", limits)
    assert await codes(browser, "/healthz") == [200, 200, 429]


async def test_a_limit_on_a_blueprint_holds(
    app: Quart, member: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter.limit_manager, "_blueprint_limits", {})
    part = Blueprint("part", __name__)
    limiter.limit("2 per minute")(part)

    @part.get("/part")
    async def page() -> str:
        return "ok"

    app.register_blueprint(part)
    assert await codes(member, "/part") == [200, 200, 429]
