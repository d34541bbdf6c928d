"""A render's app with pages that say whose they are, by every way there is to know it.

QUART_APP names the package. Each answer holds the name of the user and the mark of the request,
read again after each wait; the soak looks for those of others.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from typing import Any

package = import_module(os.environ["QUART_APP"])
config: Any = import_module(f"{package.__name__}.config")
database_settings = config.database_settings


def with_few_connections(*address: str) -> dict[str, Any]:
    """Return the settings of the database, with a pool that is soon used up."""
    settings: dict[str, Any] = database_settings(*address)
    settings["SQLALCHEMY_ENGINE_OPTIONS"] |= {"pool_size": 3, "max_overflow": 0}
    return settings


config.database_settings = with_few_connections

import flask  # noqa: E402
from accounts import load_app, public  # noqa: E402
from flask_login import current_user  # noqa: E402
from flask_patch import await_only, greenlet_spawn, portals  # noqa: E402
from quart import (  # noqa: E402
    Quart,
    g,
    render_template_string,
    request,
    session,
    stream_with_context,
    websocket,
)
from quart.utils import run_sync  # noqa: E402
from sqlalchemy import text  # noqa: E402

db: Any = import_module(f"{package.__name__}.extensions").db
PAGE = "{{ current_user.name }} {{ g.name }} {{ wait() }} {{ session.name }} {{ g.request }}"
SLOW = {
    "postgresql": "SELECT :mark FROM pg_sleep(0.1)",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) "
    "SELECT :mark FROM (SELECT max(i) FROM n)",
}

noted: ContextVar[str] = ContextVar("noted", default="")


def whose() -> str:
    """Say whose request this is, by all who know."""
    names = [
        current_user.name,
        session.get("name", ""),
        g.get("name", ""),
        noted.get(),
        request.args["request"],
    ]
    return " ".join(names)


def wait(seconds: float = 0.01) -> str:
    """Wait as sync code does."""
    await_only(asyncio.sleep(seconds))
    return ""


def query(mark: str) -> str:
    """Ask the database slowly, and return what it was asked with."""
    dialect = db.engine.dialect.name
    return str(db.session.execute(text(SLOW[dialect]), {"mark": mark}).scalar())


async def asynchronous() -> str:
    before = whose()
    await asyncio.sleep(0.01)
    return f"{before} {whose()}"


def synchronous() -> str:
    before = whose()
    wait()
    return f"{before} {whose()}"


@run_sync
def threaded() -> str:
    return f"{whose()} {query(g.request)} {whose()}"


async def slow() -> str:
    return f"{query(g.request)} {whose()}"


async def rendered() -> str:
    return await render_template_string(PAGE)


async def noting() -> str:
    """Write in a transaction, read it back, and undo it half the time."""
    values = {"name": current_user.name, "request": g.request}
    db.session.execute(text("INSERT INTO soak (name, request) VALUES (:name, :request)"), values)
    await asyncio.sleep(0.01)
    rows = db.session.execute(
        text("SELECT name, request FROM soak WHERE request = :request"), values
    )
    found = " ".join(f"{row.name} {row.request}" for row in rows)
    (db.session.commit if "commit" in request.args else db.session.rollback)()
    return f"{found} {whose()}"


async def streaming() -> Any:
    @stream_with_context
    async def pieces() -> AsyncIterator[str]:
        for _ in range(10):
            yield f"{whose()}\n"
            await asyncio.sleep(0.01)

    return pieces(), {"Content-Type": "text/plain"}


def sync_streaming() -> Any:
    name = whose()

    def pieces() -> Iterator[str]:
        for _ in range(10):
            yield f"{name}\n"
            wait()

    return flask.Response(pieces(), content_type="text/plain")


async def timing_out() -> str:
    try:
        async with asyncio.timeout(0.02):  # noqa: ASYNC100  # it waits through the portal
            query(g.request)
    except TimeoutError:
        db.session.rollback()
    return whose()


async def cancelling() -> str:
    def work() -> str:
        with flask.current_app.app_context():
            return query(g.request if "request" in g else "")

    task = asyncio.create_task(greenlet_spawn(work))
    # What it raises is taken note of, be its client here or gone.
    task.add_done_callback(lambda task: task.cancelled() or task.exception())
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.wait([task])
    return whose()


def failing() -> str:
    raise RuntimeError(f"meant for {whose()}")


VIEWS: dict[str, Any] = {
    "async": asynchronous,
    "sync": synchronous,
    "thread": threaded,
    "slow": slow,
    "render": rendered,
    "note": noting,
    "stream": streaming,
    "sync-stream": sync_streaming,
    "timeout": timing_out,
    "cancel": cancelling,
    "fail": failing,
}


async def live() -> None:
    """Answer each message with whose this is."""
    while True:
        mark = await websocket.receive()
        await asyncio.sleep(0.01)
        await websocket.send(f"{mark} {current_user.name}")


def resident() -> float:
    """Return the memory of the process in MiB."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGESIZE") / 2**20


@public
async def state() -> dict[str, Any]:
    """Say what the process holds."""
    gc.collect()
    tasks = Counter(str(task.get_coro()).split()[2] for task in asyncio.all_tasks())
    pool: Any = db.engine.pool
    return {
        "tasks": tasks,
        "hosts": len(portals._hosts),
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),
        "megabytes": resident(),
        "in_use": pool.checkedout(),
    }


async def note_whose() -> None:
    """Note in every place whose request this is; fail where that is asked for."""
    g.request = request.args.get("request", "")
    if current_user.is_authenticated:
        g.name = current_user.name
        session["name"] = current_user.name
        noted.set(current_user.name)
    if request.args.get("fail") == "before":
        failing()


def fail_after(response: Any) -> Any:
    wait(0.001)
    if request.args.get("fail") == "after":
        failing()
    return response


def create_app() -> Quart:
    """Create the render's app, with a small pool, and the pages."""
    app: Quart = package.create_app()
    app.before_request(note_whose)
    app.after_request(fail_after)
    app.add_template_global(wait)
    for path, view in VIEWS.items():
        app.add_url_rule(f"/soak/{path}", f"soak-{path}", view)
    app.add_websocket("/soak/live", "soak-live", live)
    app.add_url_rule("/soak/state", "soak-state", state)
    return app


app = load_app(create_app)
