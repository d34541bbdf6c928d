"""Check that the rendered app scales, and add the figures to docs/benchmarks.md.

python3 bench/scale.py workers idle upload rows      or some of them
"""

import argparse
import asyncio
import json
import resource
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lineup import PEERS, UVLOOP, Peer
from load import measure
from report import write
from run import CACHE, machine
from servers import CLIENT_CORE, Server, Workshop, pin
from visitor import Visitor

MEMORY, SQL = (next(p for p in PEERS if p.backend == b) for b in ("memory", "sql"))
IDLE, WAITING, UPLOAD_MIB = 5000, 1000, 100


def workers(workshop: Workshop) -> str:
    """Compare two workers on two cores with one on one."""
    lines, rates = ["| workers | requests/s, `/protected`, median of 3 |", "|---|---|"], {}
    for count in (1, 2):
        server = Server(workshop, SQL, f" --workers {count}")
        server.cores = set(range(count))
        with server:
            visitor = Visitor(server.port)
            visitor.log_in()
            loads = [measure(server.port, "/protected", 32, 3, visitor.cookie) for _ in range(3)]
        assert not any(load.errors for load in loads), loads
        rates[count] = statistics.median(load.rate for load in loads)
        lines.append(f"| {count} | {rates[count]:,.0f} |")
    ratio = rates[2] / rates[1]
    return "\n".join([*lines, "", f"Ratio {ratio:.2f}, with the client on the same two cores."])


def idle(workshop: Workshop) -> str:
    """Hold idle connections and let many requests wait at once, on one worker."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Connections that are kept for longer than the opening of all of them takes.
    with Server(workshop, MEMORY, " --timeout-keep-alive 120") as server:
        visitor = Visitor(server.port)
        visitor.log_in()
        before = server.memory()
        took, held, alive, bad = asyncio.run(_crowd(server, visitor.cookie))
    assert (alive, bad) == (IDLE, 0), (alive, bad)
    return (
        f"{IDLE:,} idle keep-alive connections on one worker: {held - before:.0f} MiB more than "
        f"without them. With all of them open, {WAITING:,} requests of the 50 ms `/slow` at once "
        f"were answered within {took:.2f} s, then each idle connection once more; no error."
    )


async def _crowd(server: Server, cookie: str) -> tuple[float, float, int, int]:
    public = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
    slow = public.replace(b"/healthz", b"/slow").replace(
        b"\r\n\r\n", f"\r\nCookie: {cookie}\r\n\r\n".encode()
    )
    crowd = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(IDLE)]
    good = [await _ask(connection, public) for connection in crowd]
    held = server.memory()
    extra = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(WAITING)]
    start = time.perf_counter()
    answers = await asyncio.gather(*(_ask(connection, slow) for connection in extra))
    took = time.perf_counter() - start
    again = [await _ask(connection, public) for connection in crowd]
    for _, writer in [*crowd, *extra]:
        writer.close()
    alive = sum(a and b for a, b in zip(good, again, strict=True))
    return took, held, alive, answers.count(False)


async def _ask(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], ask: bytes) -> bool:
    reader, writer = connection
    try:
        writer.write(ask)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
    except (OSError, asyncio.IncompleteReadError):
        return False
    return head.startswith(b"HTTP/1.1 200")


def upload(workshop: Workshop) -> str:
    """Stream an upload through a view that reads it piece by piece."""
    uploads = Peer("uploads", "uploads:app", UVLOOP, MEMORY.packages, False, "memory")
    with Server(workshop, uploads) as server:
        visitor = Visitor(server.port)
        visitor.log_in()
        before = server.memory()
        size, most = asyncio.run(_send(server, visitor.cookie))
    assert size == UPLOAD_MIB * 2**20, size
    return (
        f"A {UPLOAD_MIB} MiB body, read with `async for` over `request.body`: memory grew by "
        f"{most - before:.1f} MiB at the most. The goal is 20 or less."
    )


async def _send(server: Server, cookie: str) -> tuple[int, float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    lines = ["POST /upload HTTP/1.1", f"Host: 127.0.0.1:{server.port}", f"Cookie: {cookie}"]
    lines += [f"Content-Length: {UPLOAD_MIB * 2**20}", "Connection: close", "", ""]
    writer.write("\r\n".join(lines).encode())
    most = 0.0
    for _ in range(UPLOAD_MIB):
        writer.write(b"x" * 2**20)
        await writer.drain()
        most = max(most, server.memory())
    answer = await reader.read()
    writer.close()
    return int(answer.rpartition(b"\r\n")[2]), max(most, server.memory())


def rows(workshop: Workshop) -> str:
    """Compare the cost of a request with few and with very many users and logins."""
    lines = ["| users and logins | requests/s | processor µs per request |", "|---|---|---|"]
    with Server(workshop, SQL) as server:
        visitor = Visitor(server.port)
        visitor.log_in()
        measure(server.port, "/protected", 16, 1, visitor.cookie)
        have = 1
        for count in (10, 10_000, 1_000_000):
            _add_rows(server.folder / "app.db", have, count)
            have = count
            rates, costs = [], []
            for _ in range(5):
                busy = server.processor_seconds()
                load = measure(server.port, "/protected", 16, 2, visitor.cookie)
                assert not load.errors, load
                rates.append(load.rate)
                costs.append((server.processor_seconds() - busy) / (load.rate * 2) * 1e6)
            visitor.check("/protected")
            rate, cost = statistics.median(rates), statistics.median(costs)
            lines.append(f"| {count:,} | {rate:,.0f} | {cost:,.0f} |")
    return "\n".join([*lines, "", "SQLite, one worker, median of five times 2 s."])


def _add_rows(path: Path, first: int, last: int) -> None:
    now = int(time.time())
    with sqlite3.connect(path, timeout=60) as database:
        names = ((f"user{n}", f"user{n}", "!", True) for n in range(first, last))
        database.executemany(
            "INSERT INTO users (name, key, password, active) VALUES (?, ?, ?, ?)", names
        )
        owner = database.execute("SELECT max(id) FROM users").fetchone()[0]
        logins = ((owner, f"{n:064}", 0, now, now, "", "") for n in range(first, last))
        database.executemany(
            "INSERT INTO login_sessions (user_id, token, remember_until, created_at,"
            " last_seen_at, address, user_agent) VALUES (?, ?, ?, ?, ?, ?, ?)",
            logins,
        )
    database.close()


CHECKS: dict[str, tuple[str, Callable[[Workshop], str]]] = {
    "workers": ("Two workers", workers),
    "idle": ("Idle and waiting connections", idle),
    "upload": ("A streamed upload", upload),
    "rows": ("Many users and logins", rows),
}


def main() -> None:
    """Run the checks and write their figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("checks", nargs="*", metavar="|".join(CHECKS))
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    wanted = options.checks or [*CHECKS]
    if unknown := set(wanted) - set(CHECKS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(CHECKS)}")
    file = options.cache / "scale.json"
    data = json.loads(file.read_text()) if file.exists() else {"sections": {}}
    workshop = Workshop(options.cache)
    for name in wanted:
        title, check = CHECKS[name]
        print(f"{title} ...", file=sys.stderr, flush=True)
        if name != "workers":
            pin(CLIENT_CORE)
        text = check(workshop)
        print(text)
        command = f"python3 bench/scale.py {name}"
        data["sections"][name] = {"title": title, "command": command, "text": text}
    data |= {"began": time.strftime("%Y-%m-%d %H:%M", time.gmtime()), "machine": machine()}
    file.write_text(json.dumps(data, indent=1))
    write(options.cache)


if __name__ == "__main__":
    main()
