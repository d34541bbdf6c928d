"""What no test client can say: malformed requests over sockets, to each server, on both Quarts."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest
from baking import PYTHONS
from test_projects import SERVERS, Install, install, tool  # noqa: F401  # a fixture is one of them
from visitor import first_user, free_port, serve

pytestmark = pytest.mark.slow

RANGES = (
    "bytes=-1",
    "bytes=-99999999",
    "bytes=5-2",
    "bytes=0-0,2-3",
    "bytes=",
    "x=1",
    "bytes=9999999-",
)
HOSTS = (
    ".localhost",
    f"{'a' * 64}.localhost",
    "localhost:x",
    "[::1",
    "\xe9.localhost",
    "a,b",
    "",
    "a b",
)
TARGETS = ("?", "foo", "*", "//", "/%zz", "/%00", "/\xe9", "http://localhost/healthz", "/a b")
METHODS = ("FOO", "TRACE", "get", "CONNECT", "OPTIONS")


def requests() -> Iterator[str]:
    """Yield requests that are wrong in one way each."""
    for given in RANGES:
        yield f"GET /static/style.css HTTP/1.1\r\nHost: localhost\r\nRange: {given}"
    for host in HOSTS:
        yield f"GET /healthz HTTP/1.1\r\nHost: {host}"
    for target in TARGETS:
        yield f"GET {target} HTTP/1.1\r\nHost: localhost"
    for method in METHODS:
        yield f"{method} /healthz HTTP/1.1\r\nHost: localhost"
    yield "GET /healthz HTTP/1.0"
    yield "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6"
    yield "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1"
    yield "GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + "a=b; " * 1500
    yield "GET / HTTP/1.1\r\nHost: localhost" + "".join(f"\r\nX-{n}: {n}" for n in range(90))


def send(port: int, request: str) -> bytes:
    """Send a request on a connection of its own, and return all that comes back."""
    received = b""
    with socket.create_connection(("localhost", port), timeout=10) as connection:
        connection.sendall(f"{request}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        while part := connection.recv(65536):
            received += part
    return received


@pytest.mark.parametrize("python", [PYTHONS[0], PYTHONS[-1]])
@pytest.mark.parametrize("server", [name for name in SERVERS if name != "quart"])
def test_malformed_request_is_no_fault(server: str, python: str, install: Install) -> None:  # noqa: F811
    project = install("sql", python)
    port = free_port()
    program, *options = SERVERS[server].format(port=port, slug=project.slug).split()
    first_user(project, tool(project, "quart"))
    # `serve` looks for tracebacks in what the server has printed.
    with serve(project.path, tool(project, program), *options, port=port, env=project.env):
        for request in requests():
            answer = send(port, request)
            status = re.match(rb"HTTP/1\.[01] ([1-4]\d\d)", answer)
            assert status, (request[:80], answer[:200])
            # A request that the server itself refuses never reaches the app.
            if b"content-security-policy" not in answer.lower():
                assert status[1] in (b"400", b"405", b"431"), (request[:80], answer[:400])
