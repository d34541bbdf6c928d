"""Check that the rendered app scales: ``python3 bench/scale.py workers idle rows``, or some."""

import asyncio
import resource
import sqlite3
import sys
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))

from lineup import OURS, OURS_SQL
from load import measure
from servers import CACHE, CLIENT_CORE, Server, Workshop, pin
from visitor import Visitor

IDLE, WAITING = 5000, 1000


def workers(workshop: Workshop) -> str:
    """Compare two workers on two cores with one on one."""
    rates = {}
    for count in (1, 2):
        server = Server(workshop, OURS_SQL, f" --workers {count}")
        server.cores = set(range(count))
        with server:
            visitor = Visitor(server.port)
            visitor.log_in()
            loads = [measure(server.port, "/protected", 32, 3, visitor.cookie) for _ in range(3)]
        assert not any(load.errors for load in loads), loads
        rates[count] = median(load.rate for load in loads)
    return (
        f"`/protected`, SQLite, the client on the same two cores: {rates[1]:,.0f} requests/s with "
        f"one worker, {rates[2]:,.0f} with two; ratio {rates[2] / rates[1]:.2f}."
    )


def idle(workshop: Workshop) -> str:
    """Hold idle connections and let many requests wait at once, on one worker."""
    pin(CLIENT_CORE)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Connections that are kept for longer than the opening of all of them takes.
    with Server(workshop, OURS, " --timeout-keep-alive 120") as server:
        visitor = Visitor(server.port)
        visitor.log_in()
        before = server.memory()
        took, held = asyncio.run(_crowd(server, visitor.cookie))
    return (
        f"{IDLE:,} idle keep-alive connections on one worker: {held - before:.0f} MiB more than "
        f"without them. With all of them open, {WAITING:,} requests of the 50 ms `/slow` at once "
        f"were answered within {took:.2f} s, then each idle connection once more; no error."
    )


async def _crowd(server: Server, cookie: str) -> tuple[float, float]:
    head = f"HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nCookie: {cookie}\r\n\r\n"
    public, slow = (f"GET {path} {head}".encode() for path in ("/healthz", "/slow"))
    crowd = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(IDLE)]
    for connection in crowd:
        await _ask(connection, public)
    held = server.memory()
    extra = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(WAITING)]
    start = time.perf_counter()
    await asyncio.gather(*(_ask(connection, slow) for connection in extra))
    took = time.perf_counter() - start
    for connection in crowd:
        await _ask(connection, public)
    for _, writer in [*crowd, *extra]:
        writer.close()
    return took, held


async def _ask(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], ask: bytes) -> None:
    reader, writer = connection
    writer.write(ask)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    assert head.startswith(b"HTTP/1.1 200"), head


def rows(workshop: Workshop) -> str:
    """Compare the cost of a request with few and with very many users and logins."""
    pin(CLIENT_CORE)
    lines = ["| users and logins | requests/s | processor µs per request |", "|---|---|---|"]
    with Server(workshop, OURS_SQL) as server:
        visitor = Visitor(server.port)
        visitor.log_in()
        measure(server.port, "/protected", 16, 1, visitor.cookie)
        have = 1
        for count in (10, 10_000, 1_000_000):
            _add_rows(server.folder / "app.db", have, count)
            have, rates, costs = count, [], []
            for _ in range(5):
                busy = server.processor_seconds()
                load = measure(server.port, "/protected", 16, 2, visitor.cookie)
                assert not load.errors, load
                rates.append(load.rate)
                costs.append((server.processor_seconds() - busy) / (load.rate * 2) * 1e6)
            lines.append(f"| {count:,} | {median(rates):,.0f} | {median(costs):,.0f} |")
    return "\n".join(lines)


def _add_rows(path: Path, first: int, last: int) -> None:
    now, numbers = int(time.time()), range(first, last)
    with sqlite3.connect(path, timeout=60) as database:
        (owner,) = database.execute("SELECT max(id) FROM users").fetchone()
        users = ((f"user{n}", f"user{n}", "!", True) for n in numbers)
        database.executemany(
            "INSERT INTO users (name, key, password, active) VALUES (?, ?, ?, ?)", users
        )
        logins = ((owner, f"{n:064}", f"{n:064}", now, now, "", "") for n in numbers)
        database.executemany(
            "INSERT INTO login_sessions (user_id, token, series, created_at, last_seen_at, address,"
            " user_agent) VALUES (?, ?, ?, ?, ?, ?, ?)",
            logins,
        )
    database.close()


CHECKS = {check.__name__: check for check in (workers, idle, rows)}

if __name__ == "__main__":
    shop = Workshop(CACHE)
    for name in sys.argv[1:] or CHECKS:
        print(f"### {name}\n\n{CHECKS[name](shop)}\n", flush=True)
