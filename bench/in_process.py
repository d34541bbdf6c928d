"""Measure the cost of pages in process, without a server: microseconds of processor time.

``python3 bench/in_process.py``: bare Quart, Quart-Auth and the render, three times in turns.
"""

import asyncio
import importlib
import subprocess
import sys
import tempfile
import time
from typing import Any
from urllib.parse import urlencode

from lineup import AUTH, OURS, OURS_SQL, QUART
from servers import CACHE, Workshop, surroundings
from visitor import check, filled_in

PATHS = ("/healthz", "/line", "/protected")
BATCHES, REQUESTS = 100, 50
SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "scheme": "http",
    "query_string": b"",
    "root_path": "",
    "client": ("127.0.0.1", 50000),
    "server": ("127.0.0.1", 5000),
    "extensions": {},
}


def main() -> None:
    """Measure each peer in a process of its own."""
    workshop = Workshop(CACHE)
    for _ in range(3):
        for peer in (QUART, AUTH, OURS, OURS_SQL):
            binaries, variables = workshop.prepare(peer)
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run(
                    [binaries / "python", __file__, peer.app.partition(":")[0], peer.name],
                    env=surroundings(variables | {"LOG_LEVEL": "ERROR"}, folder),
                    cwd=folder,
                    check=True,
                )


class Client:
    """A browser that calls the app itself."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.cookies: dict[bytes, bytes] = {}

    async def ask(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """Return the status and the body of the answer."""
        body = urlencode(form or {}).encode()
        cookie = b"; ".join(name + b"=" + value for name, value in self.cookies.items())
        headers = [(b"host", b"localhost"), (b"accept", b"text/html"), (b"cookie", cookie)]
        if form:
            headers += [(b"content-type", b"application/x-www-form-urlencoded")]
            headers += [(b"content-length", str(len(body)).encode())]
        events = iter([{"type": "http.request", "body": body}])
        over = asyncio.Event()
        status, answer = 0, b""

        async def receive() -> dict[str, Any]:
            event = next(events, None)
            if event is None:
                await over.wait()
            return event or {"type": "http.disconnect"}

        async def send(event: dict[str, Any]) -> None:
            nonlocal status, answer
            if event["type"] == "http.response.start":
                status = event["status"]
                for name, value in event["headers"]:
                    if name.lower() == b"set-cookie":
                        key, _, rest = value.partition(b"=")
                        self.cookies[key] = rest.partition(b";")[0]
                return
            answer += event.get("body", b"")
            if not event.get("more_body"):
                over.set()

        given = {"method": "POST" if form else "GET", "path": path, "raw_path": path.encode()}
        scope = {**SCOPE, **given, "headers": headers, "state": {}}
        await asyncio.create_task(self.app(scope, receive, send))
        return status, answer.decode()


async def measure(app: Any, name: str) -> None:
    """Log in, and print the tenth percentile for each page: what a quiet moment gives."""
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    await events.put({"type": "lifespan.startup"})
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    lifespan = asyncio.create_task(app(scope, events.get, answers.put))
    await answers.get()
    client = Client(app)
    _, page = await client.ask("/")
    await client.ask("/", filled_in(page))
    figures = []
    for path in PATHS:
        check(path, *await client.ask(path))
        costs = []
        for _ in range(BATCHES):
            begin = time.process_time()
            for _ in range(REQUESTS):
                await client.ask(path)
            costs.append((time.process_time() - begin) / REQUESTS * 1e6)
        figures.append(f"{path} {sorted(costs)[BATCHES // 10]:4.0f}")
    print(f"{name:22}", *figures, flush=True)
    lifespan.cancel()


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        import uvloop

        module = importlib.import_module(sys.argv[1])
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(measure(module.app, sys.argv[2]))
