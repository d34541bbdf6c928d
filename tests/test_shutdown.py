"""A server that is asked to stop says so first, and finishes what it has begun."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from baking import PYTHONS
from test_projects import Install, install, tool  # noqa: F401  # a fixture is one of them
from visitor import free_port
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Request

pytestmark = [pytest.mark.slow, pytest.mark.soak]

DELAY, SLOW = 3, 5
"""Seconds that /readyz refuses before the end, and that /slow takes: longer than that."""
APP = """
import asyncio

from accounts import load_app, public
from my_quart_app import create_app
from quart import websocket


def create():
    app = create_app()

    @app.get("/slow")
    @public
    async def slow():
        await asyncio.sleep({slow})
        return "done"

    @app.websocket("/open")
    @public
    async def open():
        await websocket.accept()
        await websocket.receive()

    return app


app = load_app(create)
"""
SERVERS = {
    "hypercorn": "hypercorn --bind localhost:{port} served:app",
    "hypercorn-in-process": "hypercorn --workers 0 --bind localhost:{port} served:app",
    "hypercorn-workers": "hypercorn --workers 2 --bind localhost:{port} served:app",
    "uvicorn": "uvicorn --port {port} served:app",
    "uvicorn-workers": "uvicorn --workers 2 --port {port} served:app",
    # It waits for websockets that are open, as long as it may.
    "granian-workers": (
        "granian --interface asgi --workers 2 --workers-kill-timeout 9 --port {port} served:app"
    ),
}


@contextlib.contextmanager
def serve(folder: Path, command: str, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server that is up, and kill what is left of it."""
    with (folder / "shutdown.log").open("w") as output:
        server = subprocess.Popen(
            command.split(),
            cwd=folder,
            env=env,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def until(condition: Callable[[], bool], patience: float = 60) -> None:
    """Wait for a condition; a server that does not answer fulfils none."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if condition():
                return
        time.sleep(0.05)
    pytest.fail("This has not come about.")


def sends_away(answers: list[httpx.Response], url: str) -> bool:
    """Ask for a page, keep the answer, and say whether it ends the connection."""
    answers.append(httpx.get(url))
    return bool(answers[-1].headers.get("Connection") == "close")


class Socket:
    """A websocket that is open."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("localhost", port), timeout=20)
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._connection.sendall(self._protocol.send(Request(host="localhost", target="/open")))
        assert isinstance(self.next_event(), AcceptConnection)

    def answer_close(self) -> int:
        """Wait until the other side closes, answer as browsers do, and return the code."""
        event = self.next_event()
        assert isinstance(event, CloseConnection)
        self._connection.sendall(self._protocol.send(event.response()))
        self.close()
        return event.code

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()

    def next_event(self) -> Event:
        """Return what comes next."""
        while True:
            for event in self._protocol.events():
                return event
            self._protocol.receive_data(self._connection.recv(4096) or None)


# The oldest Python has Quart 0.22, the newest 0.23.
@pytest.mark.parametrize(
    ("server", "python"),
    [("hypercorn-workers", PYTHONS[0]), *((server, PYTHONS[-1]) for server in SERVERS)],
)
def test_server_is_not_ready_first_and_loses_nothing(
    server: str,
    python: str,
    install: Install,  # noqa: F811
) -> None:
    project = install("sql", python)
    (project.path / "served.py").write_text(APP.format(slow=SLOW), encoding="utf-8")
    project.run(tool(project, "quart"), "db", "upgrade")
    port = free_port()
    url = f"http://localhost:{port}"
    program, *options = SERVERS[server].format(port=port).split()
    command = " ".join([tool(project, program), *options])
    env = project.env | {"SHUTDOWN_DELAY": f"{DELAY}s", "PYTHONPATH": str(project.path)}
    with serve(project.path, command, env) as process, ThreadPoolExecutor(16) as threads:
        until(lambda: httpx.get(f"{url}/readyz").status_code == 200)
        opened = Socket(port)
        # As many as both workers get some of.
        slow = [threads.submit(httpx.get, f"{url}/slow", timeout=20) for _ in range(12)]
        time.sleep(0.5)
        asked_at = time.monotonic()
        process.terminate()
        until(lambda: httpx.get(f"{url}/readyz").status_code == 503)
        # Whoever has not heard of it yet is served, and comes back on a new connection; another
        # worker is told a moment later.
        answers: list[httpx.Response] = []
        until(lambda: sends_away(answers, f"{url}/healthz"))
        assert {answer.status_code for answer in answers} == {200}
        if not server.startswith("granian"):  # It takes the app's close, and sends none.
            assert opened.answer_close() == 1012
            assert time.monotonic() - asked_at >= DELAY
        assert [request.result().text for request in slow] == ["done"] * len(slow)
        process.wait(20)
        opened.close()
    assert process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in (project.path / "shutdown.log").read_text()
