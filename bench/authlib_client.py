"""Whether a login at a provider keeps others waiting: Authlib's Flask client, and httpx.

A provider that takes 0.2 s for each answer is asked by 20 logins at once, in one process, on Quart
with the bridge of a render. In the render's folder:

uv run --with authlib --with requests --with httpx python ../template/bench/authlib_client.py
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import flask_patch  # noqa: F401  # isort: split  # patches on import
import httpx
from authlib.integrations.flask_client import OAuth
from quart import Quart

DELAY, LOGINS = 0.2, 20


class Server(ThreadingHTTPServer):
    """A server that lets many wait."""

    request_queue_size = 100


class Slow(BaseHTTPRequestHandler):
    """A provider's description of itself, which takes its time."""

    def do_GET(self) -> None:
        """Answer."""
        time.sleep(DELAY)
        body = json.dumps({"issuer": "x", "authorization_endpoint": "http://localhost/x"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


async def measure(name: str, app: Quart, path: str) -> None:
    """Log in many times at once; print how long it took, and how late the event loop was."""
    lags: list[float] = []

    async def watch() -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(0.005)
            lags.append(time.perf_counter() - start - 0.005)

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0.05)
    start = time.perf_counter()
    answers = await asyncio.gather(*(app.test_client().get(path) for _ in range(LOGINS)))
    took = time.perf_counter() - start
    await asyncio.sleep(0.05)
    watcher.cancel()
    assert all(answer.status_code == 200 for answer in answers)
    print(f"{name}: {took:.2f} s, the event loop late by {max(lags) * 1000:.0f} ms at most")


async def main() -> None:
    """Serve the provider and measure both."""
    server = Server(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    app = Quart(__name__)
    app.secret_key = "x" * 32
    provider = OAuth(app).register("sso", client_id="x")
    client = httpx.AsyncClient()

    @app.get("/authlib")
    async def by_authlib() -> str:
        answer = provider.request("GET", url, withhold_token=True)
        return str(answer.json()["issuer"])

    @app.get("/httpx")
    async def by_httpx() -> str:
        return str((await client.get(url)).json()["issuer"])

    for path in ("/authlib", "/httpx"):
        await app.test_client().get(path)  # What is loaded once is not measured.
        await measure(path, app, path)
    await client.aclose()
    server.shutdown()


asyncio.run(main())
