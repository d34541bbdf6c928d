"""A rendered app that serves, and a real browser to attack it with."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from attacks.sites import Site, Start
from baking import PYTHONS
from identity import providers
from playwright.async_api import Browser, async_playwright
from test_projects import Install, install, tool  # noqa: F401  # a fixture is one of them
from visitor import first_user, free_port, serve

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")


BACKENDS = [
    "sql",
    *(pytest.param(backend, marks=pytest.mark.soak) for backend in ("ldap", "oidc", "security")),
]


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Where the users of the app come from."""
    return str(request.param)


@pytest.fixture(scope="session")
def start(
    install: Install,  # noqa: F811  # the fixture, by its name
    backend: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Start:
    """Serve a render with these settings."""
    project = install(backend, PYTHONS[-1])
    settings = {"LOGIN_LIMIT_PER_ADDRESS": "100000 per 15 minutes"}
    name, password = "alice", "any"
    if backend != "oidc":
        name, password = first_user(project, tool(project, "quart"), **settings)

    @contextmanager
    def start(**env: str) -> Iterator[Site]:
        port, given, company = free_port(), settings | env, None
        command = (
            tool(project, "hypercorn"),
            "--bind",
            f"localhost:{port}",
            f"{project.slug}.asgi:app",
        )
        with ExitStack() as stack:
            if backend == "oidc":
                folder, url = tmp_path_factory.mktemp("company"), f"http://localhost:{port}"
                (company,) = stack.enter_context(providers(url, folder, "company"))
                given |= {"INSTANCE_PATH": str(folder), "OIDC_PROVIDERS": "company", **company.env}
            serving = serve(project.path, *command, port=port, env=project.env | given)
            url = stack.enter_context(serving)
            yield Site(url, project.slug, name, password, backend, company)

    return start


@pytest.fixture(scope="session")
def site(start: Start) -> Iterator[Site]:
    """The app, on localhost."""
    with start(LOGIN_LIMIT_PER_ACCOUNT="100000 per 15 minutes") as site:
        yield site


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture(params=["127.0.0.1", "localhost"])
def attacker(request: pytest.FixtureRequest) -> Iterator[tuple[str, dict[str, str]]]:
    """A site that attacks: another site, or the same site with another origin; and its pages."""
    pages: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path, "").encode()
            self.send_response(200 if page else 404)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://{request.param}:{server.server_address[1]}", pages
    server.shutdown()
    thread.join()
    server.server_close()
