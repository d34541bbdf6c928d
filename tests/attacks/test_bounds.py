"""What docs/servers.md says that each server ends by itself, by an option, or by the proxy."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attacks.sockets import ATTACKS, SLOW_ATTACKS, attack, trickle
from baking import PYTHONS, ROOT
from nginx import certificate, serve_site
from test_projects import Install, install, tool  # noqa: F401  # a fixture is one of them
from visitor import free_port, serve

pytestmark = [pytest.mark.slow, pytest.mark.soak]

COMMANDS = {
    "hypercorn": "hypercorn --bind localhost:{port} {app}",
    "uvicorn": "uvicorn --http h11 --no-proxy-headers --port {port} {app}",
    "granian": "granian --interface asgi --http 1 --port {port} {app}",
}
SITE = """
client_header_timeout 3s;
client_body_timeout 3s;
server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://127.0.0.1:{app}; proxy_set_header Host $http_host; }}
}}
"""


@contextmanager
def running(install: Install, server: str, *options: str) -> Iterator[int]:  # noqa: F811
    """Run the app on a server; yield its port."""
    project, port = install("sql", PYTHONS[-1]), free_port()
    program, *words = COMMANDS[server].format(port=port, app=f"{project.slug}.asgi:app").split()
    command = (tool(project, program), *words, *options)
    with serve(project.path, *command, port=port, env=project.env):
        yield port


@pytest.mark.parametrize("server", COMMANDS)
def test_header_of_megabytes_is_refused(server: str, install: Install) -> None:  # noqa: F811
    with running(install, server) as port:
        assert attack(port, ATTACKS["a header of 8 MB"])[0] in ("400", "431", "closed")


def test_hypercorn_ends_connections_without_a_request(install: Install) -> None:  # noqa: F811
    with running(install, "hypercorn") as port:
        for row in ("a connection without a request", "headers, a letter a second"):
            assert trickle(port, *SLOW_ATTACKS[row]) < 60, row


def test_nginx_ends_what_uvicorn_would_wait_for(install: Install, tmp_path: Path) -> None:  # noqa: F811
    port = free_port()
    with (
        running(install, "uvicorn") as app,
        serve_site(tmp_path, port, SITE.format(port=port, app=app)),
    ):
        for row, (head, more) in SLOW_ATTACKS.items():
            # A body that is sent a letter a second is in time for nginx, not for the app.
            if row != "a body, a letter a second":
                assert trickle(port, head, more) < 60, row
        assert attack(port, ATTACKS["a header of 8 MB"])[0] in ("400", "closed")


def test_hypercorn_speaks_no_http_2_over_tls_if_told_so(
    install: Install,  # noqa: F811
    tmp_path: Path,
) -> None:
    text = (ROOT / "docs" / "servers.md").read_text(encoding="utf-8")
    (tmp_path / "hypercorn.toml").write_text(text.split("```toml\n")[1].split("```")[0])
    certificate(tmp_path)
    secure = free_port()
    options = ("--config", str(tmp_path / "hypercorn.toml"), "--insecure-bind")
    project, port = install("sql", PYTHONS[-1]), free_port()
    command = (
        *(tool(project, "hypercorn"), *options[:3], f"localhost:{port}"),
        *("--bind", f"localhost:{secure}", "--certfile", str(tmp_path / "cert.pem")),
        *("--keyfile", str(tmp_path / "key.pem"), f"{project.slug}.asgi:app"),
    )
    context = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        serve(project.path, *command, port=port, env=project.env),
        socket.create_connection(("localhost", secure)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        assert connection.selected_alpn_protocol() == "http/1.1"
