"""What no test client can say: malformed requests over sockets, to each server, on both Quarts."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

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


# What each kind of login reads of an address.
PAGES = {
    "sql": [],
    "ldap": [],
    "oidc": [
        "/login/%00/callback",
        "/login/company/callback",
        "/login/company/callback?state=%00&code=%ff",
        "/login/company/callback?state=\xe9&iss=%0d%0a",
        "/login/company/callback?error=%f0%9f%9a%80&state=" + "a" * 4000,
        "/?next=%00&confirm=%ff",
    ],
    "security": [
        *(
            f"{path}/{odd}"
            for path in ("/confirm", "/reset", "/change-email", "/tf-setup", "/wan-signin")
            for odd in ("%00", "%ff", "a%0ab", "a.b.c", "%f0%9f%9a%80")
        ),
        "/login?next=%00&next=%ff",
        "/verify?next=//evil.example",
        "/tf-validate?next=%00",
    ],
}
OIDC = {
    "OIDC_PROVIDERS": "company",
    "OIDC_COMPANY_ISSUER": "http://localhost:1",
    "OIDC_COMPANY_CLIENT_ID": "an-app",
    "OIDC_COMPANY_CLIENT_SECRET": "a secret that only tests know",
}


def requests(backend: str) -> Iterator[str]:
    """Yield requests that are wrong in one way each."""
    for given in RANGES:
        yield f"GET /static/style.css HTTP/1.1\r\nHost: localhost\r\nRange: {given}"
    for host in HOSTS:
        yield f"GET /healthz HTTP/1.1\r\nHost: {host}"
    for target in (*TARGETS, *PAGES[backend]):
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


OTHERS = [
    pytest.param(backend, "hypercorn", PYTHONS[-1], marks=pytest.mark.soak)
    for backend in ("ldap", "oidc", "security")
]


@pytest.mark.parametrize(
    ("backend", "server", "python"),
    [
        *(
            ("sql", server, python)
            for server in SERVERS
            if server != "quart"
            for python in PYTHONS[::2]
        ),
        *OTHERS,
    ],
)
def test_malformed_request_is_no_fault(
    backend: str,
    server: str,
    python: str,
    install: Install,  # noqa: F811
    tmp_path: Path,
) -> None:
    project = install(backend, python)
    port, env = free_port(), project.env
    program, *options = SERVERS[server].format(port=port, slug=project.slug).split()
    if backend == "oidc":
        env |= {**OIDC, "INSTANCE_PATH": str(tmp_path)}
    else:
        first_user(project, tool(project, "quart"))
    # `serve` looks for tracebacks in what the server has printed.
    with serve(project.path, tool(project, program), *options, port=port, env=env):
        for request in requests(backend):
            answer = send(port, request)
            status = re.match(rb"HTTP/1\.[01] ([1-4]\d\d)", answer)
            assert status, (request[:80], answer[:200])
            # A request that the server itself refuses never reaches the app.
            if b"content-security-policy" not in answer.lower():
                assert status[1] in (b"400", b"405", b"431"), (request[:80], answer[:400])
