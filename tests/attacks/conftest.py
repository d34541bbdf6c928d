"""A rendered app that serves, and a real browser to attack it with."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from attacks.sites import Site, Start
from baking import Bake, BakedProject
from playwright.async_api import Browser, async_playwright
from visitor import first_user, free_port, serve

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")


@pytest.fixture(scope="session")
def project(bake_session: Bake, tmp_path_factory: pytest.TempPathFactory) -> BakedProject:
    """A render of its own, since its database is written to."""
    source = bake_session(user_backend="sql")
    folder = tmp_path_factory.mktemp("security") / source.slug
    return BakedProject(Path(shutil.copytree(source.path, folder)), source.answers)


@pytest.fixture(scope="session")
def start(project: BakedProject) -> Start:
    """Serve the project with these settings; this environment has what it needs."""
    bin_folder = Path(sys.executable).parent
    settings = {
        "PYTHONPATH": str(project.path / "src"),
        "LOGIN_LIMIT_PER_ADDRESS": "100000 per 15 minutes",
    }
    name, password = first_user(project, bin_folder / "quart", **settings)

    @contextmanager
    def start(**env: str) -> Iterator[Site]:
        port = free_port()
        command = (
            str(bin_folder / "hypercorn"),
            "--bind",
            f"localhost:{port}",
            f"{project.slug}.asgi:app",
        )
        with serve(project.path, *command, port=port, env=project.env | settings | env) as url:
            yield Site(url, name, password)

    return start


@pytest.fixture(scope="session")
def site(start: Start) -> Iterator[Site]:
    """The app, on localhost."""
    with start() as site:
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
