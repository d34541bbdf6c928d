"""Limits beyond the login's: Flask-Limiter's decorators hold for any view."""

from importlib import import_module

from conftest import PACKAGE, Browser
from quart import Quart

limiter = import_module(f"{PACKAGE.__name__}.extensions").limiter


async def test_a_limit_on_a_view_of_ones_own_holds(app: Quart, browser: Browser) -> None:
    @app.get("/rare")
    @limiter.limit("2 per minute")
    async def rare() -> str:
        return "ok"

    await browser.login()
    codes = [(await browser.get("/rare")).status_code for _ in range(3)]
    assert codes == [200, 200, 429]


async def test_no_limit_is_looked_up_for_requests_without_one(app: Quart) -> None:
    hooks = app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs
    for functions in hooks:
        modules = [getattr(f, "func", f).__module__ for f in functions[None]]
        assert "flask_limiter._extension" not in modules
