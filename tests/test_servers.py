"""What has no body is sent without one by real servers: the next answer begins where it ends."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from baking import PYTHONS, ROOT
from interpreters import UV, find_python
from visitor import free_port, serve

pytestmark = pytest.mark.slow

SOURCE = ROOT / "{{cookiecutter.project_slug}}" / "src"
APP = """
import flask_patch
import flask
import quart

app = quart.Quart("served")

@app.get("/status/<int:status>")
def status(status):
    return {}, status

@app.get("/stream/<int:status>")
def stream(status):
    return quart.Response((piece for piece in ["a", "b"]), status)

@app.get("/flask/<int:status>")
def flasks(status):
    return flask.Response("text", status, {"Transfer-Encoding": "chunked"})

@app.get("/file")
def file():
    return flask.send_file(__file__)

@app.get("/healthz")
@app.get("/")
def index():
    return "the next answer"
"""
SERVERS = {
    "hypercorn": ["hypercorn", "--bind", "localhost:{port}", "served:app"],
    "uvicorn-httptools": ["uvicorn", "--http", "httptools", "--port", "{port}", "served:app"],
    "uvicorn-h11": ["uvicorn", "--http", "h11", "--port", "{port}", "served:app"],
}
REQUESTS = [
    *(("GET", f"/{kind}/{code}") for kind in ("status", "stream", "flask") for code in (204, 304)),
    *(("HEAD", f"/{kind}/200") for kind in ("status", "stream", "flask")),
    ("HEAD", "/file"),
]


@pytest.fixture(scope="module", params=[PYTHONS[0], PYTHONS[-1]])
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("servers")
    (folder / "served.py").write_text(APP)
    venv = folder / "venv"
    subprocess.run([UV, "venv", "-q", "-p", find_python(request.param), venv], check=True)
    packages = ["quart", "greenlet", "hypercorn", "uvicorn", "httptools"]
    subprocess.run([UV, "pip", "install", "-q", "-p", venv, *packages], check=True)
    return folder


@pytest.fixture(scope="module", params=SERVERS)
def port(request: pytest.FixtureRequest, environment: Path) -> Iterator[int]:
    port = free_port()
    program, *options = SERVERS[request.param]
    command = [str(environment / "venv" / "bin" / program), *options]
    env = {"PYTHONPATH": str(SOURCE)}
    words = [word.format(port=port) for word in command]
    with serve(environment, *words, port=port, env=env):
        yield port


def exchange(port: int, *requests: str) -> bytes:
    """Send the requests on one connection, and return all that comes back."""
    with socket.create_connection(("localhost", port), timeout=20) as connection:
        connection.sendall("".join(requests).encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def ask(method: str, path: str, *headers: str) -> str:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""])


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_the_next_answer_begins_where_the_headers_end(port: int, method: str, path: str) -> None:
    answer = exchange(port, ask(method, path), ask("GET", "/", "Connection: close"))
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1.1 (204|304|200) ", head)
    assert rest.startswith(b"HTTP/1.1 200"), answer
    assert rest.endswith(b"\r\n\r\nthe next answer")
    if method == "GET":
        assert b"content-length" not in head.lower()
        assert b"transfer-encoding" not in head.lower()


@pytest.mark.parametrize("status", [100, 101, 103])
def test_nothing_follows_what_is_no_answer_yet(
    port: int, request: pytest.FixtureRequest, status: int
) -> None:
    if request.node.callspec.params["port"] != "uvicorn-httptools":
        pytest.skip("the other servers refuse it, with a traceback")
    answer = exchange(port, ask("GET", f"/status/{status}"), ask("GET", "/"))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"{}" not in answer
    assert b"the next answer" not in answer
