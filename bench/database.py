"""Compare four ways to PostgreSQL: queries a second and p99 at 200 connections.

python3 bench/database.py [--rounds 3] [--seconds 8]        some five minutes

Needs a PostgreSQL server (TEST_POSTGRES_URL, else 127.0.0.1:5432) with 64 connections to spare.
"""

import argparse
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).parent))

from lineup import GTHREAD_16, UVLOOP, Peer
from load import measure
from servers import CACHE, CLIENT_CORE, HERE, Server, Workshop, machine, pin

CONNECTIONS, POOL = 200, 16
QUART = ("quart", "httptools", "uvicorn", "uvloop")
SQL = ("asyncpg", "flask-sqlalchemy", "psycopg[binary]", "sqlalchemy[asyncio]")
BRIDGE = "Flask-SQLAlchemy on asyncpg, through the bridge"
BLOCKING = "the same code on psycopg, in the loop"
FLASK = "the same code on Flask, gunicorn gthread 16, psycopg"
SESSION = "AsyncSession on asyncpg, bare Quart"
PEERS = (
    Peer(BRIDGE, "databases:bridge", UVLOOP, (*QUART, *SQL)),
    Peer(SESSION, "databases:session", UVLOOP, (*QUART, *SQL)),
    Peer(BLOCKING, "databases:blocking", UVLOOP, (*QUART, *SQL)),
    Peer(FLASK, "databases:flask", GTHREAD_16, ("flask", "gunicorn", *SQL)),
)
WORKS = {"/row": "One row by its key, as a model", "/slow": "A query of 10 ms"}
# What limits a short query is the processor, which is measured whatever else the machine does.
RATE, PROCESSOR = "rate", "processor"
HEAD = "| | queries/s | p99, ms | µs of processor | bridge, by rate | bridge, by processor |"
GOALS = (
    ("/row", SESSION, PROCESSOR, 0.9),
    ("/slow", SESSION, PROCESSOR, 0.9),
    ("/slow", BLOCKING, RATE, 3),
)


@dataclass
class Figure:
    """What one peer did in one round."""

    rate: float
    p99: float
    processor: float


def rest(server: Server) -> None:
    """Wait until the server has done what was asked of it by those who have gone."""
    for _ in range(60):
        begin = time.perf_counter()
        with urlopen(f"http://127.0.0.1:{server.port}/healthz", timeout=60) as answer:
            answer.read()
        if time.perf_counter() - begin < 0.05:
            return


def visit(server: Server, path: str, seconds: int) -> Figure:
    """Measure one page of one peer; the processor time is the server's, without the database's."""
    measure(
        server.port, path, CONNECTIONS, 1, ""
    )  # Its connections are made, and its code is warm.
    busy = server.processor_seconds()
    load = measure(server.port, path, CONNECTIONS, seconds, "")
    if load.errors:
        raise SystemExit(f"{load.errors} errors of {path}")
    busy = server.processor_seconds() - busy
    if not load.rate:
        raise SystemExit(f"No answer in {seconds} s: a loop that is held up answers all at once")
    return Figure(load.rate, load.p99, busy / (load.rate * seconds) * 1e6)


def compare(workshop: Workshop, rounds: int, seconds: int) -> dict[str, dict[str, list[Figure]]]:
    """Give each page of each peer its turn in each round; the order turns round."""
    figures: dict[str, dict[str, list[Figure]]] = {
        path: {peer.name: [] for peer in PEERS} for path in WORKS
    }
    with ExitStack() as stack:
        servers = {peer.name: stack.enter_context(Server(workshop, peer)) for peer in PEERS}
        for path, number in ((path, number) for path in WORKS for number in range(rounds)):
            for name in [*servers][:: 1 if number % 2 else -1]:
                print(f"{path} {number + 1}: {name}", file=sys.stderr)
                figures[path][name].append(visit(servers[name], path, seconds))
    return figures


def median(values: list[float]) -> str:
    """Give the median, with the least and the most."""
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:,.0f} ({least:,.0f}-{most:,.0f})"


def ratio(figures: dict[str, list[Figure]], name: str, by: str) -> float:
    """Give how many times better than the peer the bridge is, the median of the rounds' ratios."""
    pairs = zip(figures[BRIDGE], figures[name], strict=True)
    if by == RATE:
        return statistics.median(ours.rate / theirs.rate for ours, theirs in pairs)
    return statistics.median(theirs.processor / ours.processor for ours, theirs in pairs)


def report(figures: dict[str, dict[str, list[Figure]]]) -> str:
    """Make the tables."""
    lines = []
    for path, title in WORKS.items():
        found = figures[path]
        lines += [f"### {title}", ""]
        lines.append(HEAD)
        lines.append("|---|---|---|---|---|---|")
        for name, rounds in found.items():
            cells = [[each.rate, each.p99, each.processor] for each in rounds]
            row = [median([cell[n] for cell in cells]) for n in range(3)]
            row += [
                "" if name == BRIDGE else f"{ratio(found, name, by):.2f} times"
                for by in (RATE, PROCESSOR)
            ]
            lines.append(f"| {name} | {' | '.join(row)} |")
        lines.append("")
    for path, name, by, goal in GOALS:
        reached = ratio(figures[path], name, by)
        verdict = "met" if reached >= goal else "missed"
        lines.append(
            f"- {WORKS[path]}: {reached:.2f} times {name}, by {by}; goal {goal}: {verdict}."
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    workshop = Workshop(options.cache)
    binaries, _ = workshop.prepare(PEERS[0])
    pin(CLIENT_CORE)
    try:
        text = report(compare(workshop, options.rounds, options.seconds))
    finally:
        subprocess.run([binaries / "python", HERE / "peers" / "databases.py"], check=True)
    print(f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, {machine()}\n\n{text}")


if __name__ == "__main__":
    main()
