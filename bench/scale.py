"""Check how the rendered app scales: ``python3 bench/scale.py workers rows grows``, or one."""

import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))

from lineup import OURS_SQL
from load import measure
from servers import CACHE, CLIENT_CORE, SLUG, Server, Workshop, pin, surroundings
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


def grows(workshop: Workshop) -> str:
    """Measure what a million users leave behind, and what `quart users clean` makes of it."""
    count, lines = 1_000_000, []
    binaries, variables = workshop.prepare(OURS_SQL)
    with Server(workshop, OURS_SQL) as server:
        visitor = Visitor(server.port)
        visitor.log_in()
        path = server.folder / "app.db"
        _add_rows(path, 1, count)
        _add_leftovers(path, count)
        lines.append(
            f"{count:,} users, each with what has expired: {_size(path):,.0f} MiB of SQLite"
        )
        env = surroundings(variables, str(server.folder)) | {"QUART_APP": SLUG}
        command = [binaries / "quart", "users", "clean"]
        begin, slowest = time.perf_counter(), {"/protected": 0.0, "a login": 0.0}
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as cleaning:
            while cleaning.poll() is None:
                for name, ask in (
                    ("/protected", lambda: visitor.check("/protected")),
                    ("a login", Visitor(server.port).log_in),
                ):
                    started = time.perf_counter()
                    ask()
                    slowest[name] = max(slowest[name], time.perf_counter() - started)
                time.sleep(0.1)
            assert cleaning.stdout
            said = cleaning.stdout.read().strip()
        waits = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in slowest.items())
        took = time.perf_counter() - begin
        lines.append(f"`quart users clean`: {said!r} in {took:.0f} s; slowest meanwhile: {waits}")
        left = {table: _count(path, table) for table in (*TABLES, "users")}
        lines.append(f"left: {left}, {_size(path):,.0f} MiB, free for what comes")
    lines.append(_throttle_keys(binaries, env, 100_000))
    return "\n".join(f"- {line}" for line in lines)


TABLES = ("login_sessions", "remember_tokens", "known_browsers")


def _add_leftovers(path: Path, count: int) -> None:
    past = int(time.time()) - 400 * 24 * 3600
    with sqlite3.connect(path, timeout=60) as database:
        users = [user for (user,) in database.execute("SELECT id FROM users WHERE password = '!'")]
        database.execute("DELETE FROM login_sessions WHERE address = ''")
        database.executemany(
            "INSERT INTO login_sessions (user_id, token, series, created_at, last_seen_at, address,"
            " user_agent) VALUES (?, ?, ?, ?, ?, '', '')",
            ((user, f"{user:064}", f"{user:064}", past, past) for user in users),
        )
        database.executemany(
            "INSERT INTO remember_tokens (user_id, token, series, expires_at) VALUES (?, ?, ?, ?)",
            ((user, f"{user:064}", f"{user:064}", past) for user in users),
        )
        database.executemany(
            "INSERT INTO known_browsers (token, key, expires_at) VALUES (?, ?, ?)",
            ((f"{user:064}", f"user{user}", past) for user in users),
        )
    database.close()


def _count(path: Path, table: str) -> int:
    with sqlite3.connect(path, timeout=60) as database:
        (count,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  # ours
    database.close()
    return int(count)


def _size(path: Path) -> float:
    return sum(file.stat().st_size for file in path.parent.glob("app.db*")) / 2**20


FAILED_LOGINS = """
import asyncio, sys
from accounts.redis_counters import RedisCounters
from accounts.throttle import Throttle

async def main(path, count):
    config = {"RATELIMIT_STORAGE_URI": f"redis+unix://{path}"}
    config["LOGIN_LIMIT_PER_ACCOUNT"] = config["LOGIN_LIMIT_PER_ADDRESS"] = "5 per 60 seconds"
    throttle = Throttle(config)

    async def guess(first):
        for number in range(first, count, 50):
            async with throttle.attempt(None, "account", f"user{number}") as attempt:
                attempt.right = False

    redis = throttle._counters.bridge.get_connection()
    before = (await redis.info("memory"))["used_memory"]
    await asyncio.gather(*(guess(first) for first in range(50)))
    used = (await redis.info("memory"))["used_memory"] - before
    print(f"{await redis.dbsize():,} keys, {used / 2**20:,.0f} MiB of Redis", end="; ")
    await asyncio.sleep(75)
    print(f"75 s later, with a limit for 60: {await redis.dbsize():,} keys")
    await throttle.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def _throttle_keys(binaries: Path, env: dict[str, str], count: int) -> str:
    """Fail a login of each account, with a Redis of its own, which forgets it by itself."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "redis.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", path, "--save", ""]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
            try:
                while not path.exists():
                    time.sleep(0.01)
                script = [binaries / "python", "-c", FAILED_LOGINS, path, str(count)]
                return subprocess.run(
                    script, env=env, check=True, capture_output=True, text=True
                ).stdout.strip()
            finally:
                server.terminate()


CHECKS = {check.__name__: check for check in (workers, rows, grows)}

if __name__ == "__main__":
    shop = Workshop(CACHE)
    for name in sys.argv[1:] or CHECKS:
        print(f"### {name}\n\n{CHECKS[name](shop)}\n", flush=True)
