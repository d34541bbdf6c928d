"""A render behind a real nginx, below a prefix, and asked by address, on each server."""

from __future__ import annotations

import base64
import os
import re
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
from baking import PYTHONS, Bake, BakedProject
from interpreters import UV, find_python
from nginx import certificate, nginx, recipe
from visitor import Visitor, first_user, free_port, serve

pytestmark = pytest.mark.slow

SITE = """
from accounts import load_app, public
from quart import request, websocket

from {slug} import create_app

app = load_app(create_app)


@app.get("/wiki/<path:page>")
async def wiki(page):
    return f"the page {{page}}"


@app.get("/seen")
@public
async def seen():
    return {{"url": request.url, "address": request.remote_addr}}


@app.websocket("/ws")
@public
async def ws():
    await websocket.send(websocket.url)
"""
SERVERS = {
    "hypercorn": "hypercorn --bind 127.0.0.1:{port} site_app:app",
    "uvicorn": "uvicorn --port {port} --no-proxy-headers site_app:app",
    "granian": "granian --interface asgi --port {port} site_app:app",
}
PREFIX = {
    "hypercorn": " --root-path /tool",
    "uvicorn": " --root-path /tool",
    "granian": " --url-path-prefix /tool",
}
PRODUCTION = {
    "ENVIRONMENT": "production",
    "TRUSTED_HOSTS": "localhost",
    "TRUSTED_PROXIES": "1",
    "TRUSTED_PROXY_HEADERS": "for,proto,port,prefix",
}

Start = Callable[..., int]


@pytest.fixture(scope="session")
def site(bake_session: Bake, tmp_path_factory: pytest.TempPathFactory) -> BakedProject:
    """A render with pages of a test's own, installed, with a user; its database is up to date."""
    source = bake_session(user_backend="sql")
    folder = tmp_path_factory.mktemp("proxied") / source.slug
    project = BakedProject(Path(shutil.copytree(source.path, folder)), source.answers)
    project.run(UV, "sync", "--quiet", "--no-dev", "--python", find_python(PYTHONS[-1]))
    project.run(UV, "pip", "install", "--quiet", "uvicorn", "httptools", "websockets", "granian")
    (project.path / "site_app.py").write_text(SITE.format(slug=project.slug))
    return project


@pytest.fixture(scope="session")
def user(site: BakedProject) -> tuple[str, str]:
    """A name and its password."""
    return first_user(site, str(site.path / ".venv" / "bin" / "quart"))


# The default server in each run; all of them in the long one.
@pytest.fixture(
    params=[
        "hypercorn",
        *(pytest.param(name, marks=pytest.mark.soak) for name in ("uvicorn", "granian")),
    ],
)
def server(request: pytest.FixtureRequest) -> str:
    """Each server in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def running(site: BakedProject, user: tuple[str, str]) -> Iterator[Callable[[str, bool], int]]:
    """Start a server once for all tests, below the prefix or not, and return its port."""
    with ExitStack() as stack:
        ports: dict[tuple[str, bool], int] = {}

        def running(server: str, mounted: bool) -> int:
            if (server, mounted) not in ports:
                port = ports[server, mounted] = free_port()
                command = (SERVERS[server] + PREFIX[server] * mounted).format(port=port)
                program, *options = command.split()
                env = site.env | PRODUCTION | {"PYTHONPATH": str(site.path)}
                path = str(site.path / ".venv" / "bin" / program)
                stack.enter_context(serve(site.path, path, *options, port=port, env=env))
            return ports[server, mounted]

        yield running


Running = Callable[[str, bool], int]


def visitor(port: int, folder: Path) -> Visitor:
    """Return a browser that knows the certificate."""
    visitor = Visitor(f"https://localhost:{port}")
    context = ssl.create_default_context(cafile=str(certificate(folder) / "cert.pem"))
    visitor.client = httpx.Client(
        base_url=visitor.client.base_url,
        verify=context,
        follow_redirects=True,
        headers={"Accept": "text/html"},
    )
    return visitor


def exchange(port: int, request: str, folder: Path | None) -> bytes:
    """Send a request as it is, and return what comes back until half a second of silence."""
    with ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        if folder is not None:
            context = ssl.create_default_context(cafile=str(certificate(folder) / "cert.pem"))
            secured = context.wrap_socket(connection, server_hostname="localhost")
            connection = stack.enter_context(secured)
        connection.sendall(request.encode())
        received = connection.recv(65536)
        connection.settimeout(0.5)
        with suppress(TimeoutError):
            while piece := connection.recv(65536):
                received += piece
        return received


def ask(path: str, *headers: str, version: str = "1.1") -> str:
    """Write a GET request."""
    return "\r\n".join([f"GET {path} HTTP/{version}", *headers, "", ""])


def websocket(path: str, port: int, origin: str) -> str:
    """Write the handshake of a websocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    headers = ("Upgrade: WebSocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    return ask(
        path, f"Host: localhost:{port}", f"Origin: {origin}", *headers, f"Sec-WebSocket-Key: {key}"
    )


def test_recipe_of_the_docs_serves_a_login_and_a_websocket(
    server: str, running: Running, user: tuple[str, str], tmp_path: Path
) -> None:
    with nginx(tmp_path, running(server, False)) as port:
        browser = visitor(port, tmp_path)
        assert browser.login(*user).url.path == "/home"
        assert "Logged in as" in browser.client.get("/protected").text
        seen = browser.client.get("/seen", headers={"X-Forwarded-For": "6.6.6.6"}).json()
        assert seen == {"url": f"https://localhost:{port}/seen", "address": "127.0.0.1"}
        answer = exchange(port, websocket("/ws", port, f"https://localhost:{port}"), tmp_path)
        assert answer.startswith(b"HTTP/1.1 101"), answer
        assert f"wss://localhost:{port}/ws".encode() in answer
        browser.client.close()


@pytest.mark.parametrize("proxy", ["none", "whole path", "prefix taken off", "prefix header"])
def test_everything_stays_below_the_prefix(
    server: str, proxy: str, running: Running, user: tuple[str, str], tmp_path: Path
) -> None:
    changes = {"location / {": "location /tool/ {"}
    if proxy == "prefix taken off":
        changes["proxy_pass http://app;"] = "proxy_pass http://app/;"
    if proxy == "prefix header":
        changes["proxy_pass http://app;"] = (
            "proxy_pass http://app/; proxy_set_header X-Forwarded-Prefix /tool;"
        )
    mounted = running(server, proxy != "prefix header")
    with nginx(tmp_path, mounted, **changes) as port:
        browser = visitor(port, tmp_path)
        if proxy == "none":
            browser.client = httpx.Client(
                base_url=f"http://localhost:{mounted}",
                follow_redirects=True,
                headers={"Accept": "text/html", "X-Forwarded-Proto": "http"},
            )
        answer = browser.client.get("/tool/protected", follow_redirects=False)
        assert answer.headers["location"] == "/tool/?next=/tool/protected"
        page = browser.client.get("/tool/")
        links = re.findall(r'(?:href|action)="([^"#][^"]*)"', page.text)
        assert links
        assert all(link.startswith("/tool/") for link in links), links
        assert browser.client.get("/tool/static/style.css").status_code == 200
        if proxy == "none":
            # In production the cookies, which this way go by HTTPS only, keep the login out.
            browser.client.close()
            return
        answer = browser.submit(
            "/tool/?next=/tool/protected",
            "/tool/?next=/tool/protected",
            username=user[0],
            password=user[1],
        )
        assert answer.url.path == "/tool/protected"
        assert "Logged in as" in answer.text
        links = re.findall(r'(?:href|action)="([^"#][^"]*)"', answer.text)
        assert all(link.startswith("/tool/") for link in links), links
        # What is beside the app is another site, and the slash that the routing adds stays below.
        assert browser.client.get("/tool/?next=/other").url.path == "/tool/home"
        assert browser.submit("/tool/home", "/tool/logout").url.path == "/tool/"
        browser.client.close()
        answer_to_ws = exchange(
            port, websocket("/tool/ws", port, f"https://localhost:{port}"), tmp_path
        )
        assert f"wss://localhost:{port}/tool/ws".encode() in answer_to_ws


def test_port_is_known_from_the_host_or_from_its_header_and_is_else_asked_for(
    server: str, running: Running, user: tuple[str, str], tmp_path: Path
) -> None:
    host = {"Host $http_host": "Host $host"}
    with nginx(tmp_path, running(server, False), **host) as port:
        browser = visitor(port, tmp_path)
        browser.client.headers["Origin"] = f"https://localhost:{port}"
        assert browser.login(*user).url.path == "/home"
        browser.client.close()
    nothing = {**host, "proxy_set_header X-Forwarded-Port $server_port;": ""}
    with nginx(tmp_path, running(server, False), **nothing) as port:
        browser = visitor(port, tmp_path)
        browser.client.headers["Origin"] = f"https://localhost:{port}"
        refused = browser.login(*user)
        browser.client.close()
    assert refused.status_code == 403
    [line] = [line for line in refused.text.splitlines() if "another origin" in line]
    assert "$http_host" in line


COMMON = {
    "Upgrade $app_upgrade": "Upgrade $http_upgrade",
    "Connection $app_connection": 'Connection "upgrade"',
}
H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")


def test_nobody_speaks_http_2_past_the_proxy(server: str, running: Running, tmp_path: Path) -> None:
    with nginx(tmp_path, running(server, False)) as port:
        request = ask("/seen", f"Host: localhost:{port}", *H2C)
        assert exchange(port, request, tmp_path).startswith(b"HTTP/1.1 200")
    # With the recipe that most people have, whatever a client asks for is passed on.
    with nginx(tmp_path, running(server, False), **COMMON) as port:
        answer = exchange(port, request, tmp_path)
    assert b"address" not in answer or answer.startswith(b"HTTP/1.1 200")
    if answer.startswith(b"HTTP/1.1 101"):
        assert b"HTTP/2 without TLS is refused" in answer


def test_health_is_told_whatever_host_is_asked_for_and_nothing_else(
    server: str, running: Running
) -> None:
    port = running(server, False)
    for path in ("/healthz", "/readyz"):
        for request in (
            ask(path, "Host: 10.1.2.3:8000", "Accept: text/html", "Connection: close"),
            ask(path, version="1.0"),
            ask(path, "Host: [2001:db8::1]:8000", "Connection: close"),
        ):
            head, _, body = exchange(port, request, None).partition(b"\r\n\r\n")
            assert re.match(rb"HTTP/1.[01] 200 ", head), head
            assert body.strip(b"\r\n0") in (b"ok", b"2\r\nok"), body
    for path in ("/", "/static/style.css", "/nowhere"):
        refused = exchange(port, ask(path, "Host: 10.1.2.3:8000", "Connection: close"), None)
        assert refused.startswith(b"HTTP/1.1 400"), refused


def test_recipe_of_the_readme_is_that_of_the_docs(site: BakedProject) -> None:
    found = re.search(r"```nginx\n(.+?)```", site.read("README.md"), re.DOTALL)
    assert found
    lines = {line.strip() for line in found[1].splitlines() if "#" not in line}
    tested = recipe().replace("http://app;", "http://127.0.0.1:8000;").splitlines()
    assert lines <= {line.strip() for line in tested}
