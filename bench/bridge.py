"""Measure what the bridge costs, beside plain Quart: ``.venv/bin/python bench/bridge.py``.

Each figure is the least processor time of many short runs, in microseconds.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "{{cookiecutter.project_slug}}/src"
RUNS, ROUNDS = 40, 200
SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "GET",
    "scheme": "http",
    "path": "/",
    "query_string": b"",
    "headers": [(b"host", b"localhost")],
    "http_version": "1.1",
    "asgi": {"spec_version": "2.1"},
    "extensions": {},
}
Once = Callable[[], Awaitable[Any]]


async def microseconds(once: Once) -> float:
    """Return the processor time of one call."""
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        for _ in range(ROUNDS):
            await once()
        times.append(time.process_time() - start)
    return min(times) / ROUNDS * 1e6


def request_of(app: Any, path: str = "/") -> Once:
    """Return what handles one request, from its scope to its last byte."""
    scope = {**SCOPE, "path": path}

    async def send(message: Any) -> None:
        """Take the response."""

    async def once() -> None:
        events = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            return events.pop() if events else await asyncio.get_running_loop().create_future()

        await app.asgi_app(scope, receive, send)

    return once


def make_app() -> Any:
    """Return an app with a view of each kind."""
    from quart import Quart

    app = Quart("bench")

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.get("/sync")
    def sync() -> str:
        return "hello"

    return app


def add_protected(app: Any) -> None:
    """Add an async view under Flask-Login's `login_required`, and the same without it."""
    from flask_login import LoginManager, UserMixin, login_required

    manager = LoginManager(app)

    @manager.request_loader
    def load(request: Any) -> Any:
        return UserMixin()

    @app.get("/protected")
    @login_required
    async def protected() -> str:
        return "hello"


async def measure(patched: bool) -> dict[str, float]:
    """Return the figures of this process, which has the bridge or not."""
    app = make_app()

    def nothing() -> None:
        """Do nothing."""

    async def sync_function() -> None:
        await app.ensure_async(nothing)()

    async def suspend() -> None:
        await asyncio.sleep(0)

    figures = {
        "a request": await microseconds(request_of(app)),
        "a request to a sync view": await microseconds(request_of(app, "/sync")),
    }
    if not patched:
        figures["a sync function through ensure_async"] = await microseconds(sync_function)
        figures["one suspension"] = await microseconds(suspend)
    else:
        figures |= await measure_hosted(sync_function)
        add_protected(app)
        figures["a request under login_required"] = await microseconds(
            request_of(app, "/protected")
        )
    return figures


async def measure_hosted(sync_function: Once) -> dict[str, float]:
    """Return the figures of what only the bridge does."""
    import flask_patch

    async def nothing() -> None:
        """Do nothing."""

    def suspend() -> None:
        flask_patch.await_only(asyncio.sleep(0))

    async def sync_suspend() -> None:
        suspend()

    @flask_patch.hosted
    async def hosted() -> dict[str, float]:
        return {
            "a sync function through ensure_async": await microseconds(sync_function),
            "one suspension": await microseconds(sync_suspend),
        }

    return {"hosting": await microseconds(flask_patch.hosted(nothing))} | await hosted()


def main() -> None:
    """Measure both in processes of their own, in turns, and print a table."""
    if sys.argv[1:]:
        patched = sys.argv[1] == "bridge"
        if patched:
            sys.path.insert(0, str(SOURCE))
            import flask_patch  # noqa: F401  (patches on import)
        print(json.dumps(asyncio.run(measure(patched))))
        return
    best: dict[str, dict[str, float]] = {"plain": {}, "bridge": {}}
    for _ in range(3):
        for side, figures in best.items():
            out = subprocess.check_output([sys.executable, __file__, side])
            for name, figure in json.loads(out).items():
                figures[name] = min(figure, figures.get(name, figure))
    print(f"Python {sys.version.split()[0]}")
    print("| µs | plain Quart | with the bridge |\n|---|---|---|")
    for name, figure in best["bridge"].items():
        plain = best["plain"].get(name)
        print(f"| {name} | {'' if plain is None else f'{plain:.1f}'} | {figure:.1f} |")


if __name__ == "__main__":
    main()
