"""Check that the rendered app scales: ``python3 bench/scale.py workers rows``, or one of them."""

import sqlite3
import sys
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))

from lineup import OURS_SQL
from load import measure
from servers import CACHE, CLIENT_CORE, Server, Workshop, pin
from visitor import Visitor


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


CHECKS = {check.__name__: check for check in (workers, rows)}

if __name__ == "__main__":
    shop = Workshop(CACHE)
    for name in sys.argv[1:] or CHECKS:
        print(f"### {name}\n\n{CHECKS[name](shop)}\n", flush=True)
