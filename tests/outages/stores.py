"""Stores of the tests' own: servers that can be stopped, killed, restarted, slowed down and filled.

A class for each kind; all of them listen on a free port of loopback and go with their block.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pymysql
import pytest
import redis
from visitor import free_port


def processes(root: int) -> list[int]:
    """Return a process and all that it has started; a database has one for each connection."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                parents.setdefault(int(parent), []).append(int(entry.name))
    found = [root]
    for one in found:
        found += parents.get(one, [])
    return found


class Store:
    """A server in a folder of its own, run by a user without rights where root runs the tests."""

    user = "nobody"

    def __init__(self) -> None:
        self.port = free_port()
        # Not below pytest's, which only its owner may enter.
        self.folder = Path(tempfile.mkdtemp(prefix="outage-"))
        self.process: subprocess.Popen[bytes] | None = None
        self.prepare()
        self.start()

    def prepare(self) -> None:
        """Make what the server needs before its first start."""

    def command(self) -> list[str]:
        """Return what starts the server."""
        raise NotImplementedError

    def ping(self) -> None:
        """Return when the server answers; raise an exception when it does not."""
        raise NotImplementedError

    def run(self, *command: str) -> None:
        """Run a tool as the user of the server."""
        subprocess.run(command, check=True, capture_output=True, user=self.owner, cwd=self.folder)

    @property
    def owner(self) -> str | None:
        """The user who runs the server, where the tests may choose."""
        return self.user if os.getuid() == 0 else None

    def own(self, folder: Path) -> None:
        """Give a folder to the user of the server."""
        if self.owner:
            entry = pwd.getpwnam(self.owner)
            os.chown(folder, entry.pw_uid, entry.pw_gid)

    def start(self) -> None:
        """Start the server, and return when it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, user=self.owner, cwd=self.folder
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.ping()
            except (OSError, psycopg.Error, pymysql.Error, redis.RedisError) as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"{error}\n{(self.folder / 'log').read_text()}")
                time.sleep(0.05)

    def signal(self, number: int) -> None:
        """Send a signal to all processes of the server."""
        for one in processes(self.process.pid) if self.process else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, number)

    def hang(self) -> None:
        """Let the server take connections, and answer nobody."""
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End what `hang` began."""
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the server without a word."""
        self.signal(signal.SIGKILL)
        if self.process:
            self.process.wait()

    def stop(self) -> None:
        """End the server as an administrator does, who does not wait for clients."""
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)

    def restart(self) -> None:
        """Stop the server, and start it again."""
        self.stop()
        self.start()

    @contextlib.contextmanager
    def slow(self, share: float = 0.85, turn: float = 0.2) -> Iterator[None]:
        """Let the server run for a part of each turn only."""
        over = threading.Event()

        def brake() -> None:
            while not over.wait(turn * (1 - share)):
                self.hang()
                time.sleep(turn * share)
                self.go_on()

        thread = threading.Thread(target=brake)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def close(self) -> None:
        """End the server, and remove its folder."""
        if self.process and self.process.poll() is None:
            self.go_on()
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def find(name: str, *folders: str) -> str:
    """Return a program, or skip the test."""
    places = [str(folder) for pattern in folders for folder in sorted(Path("/").glob(pattern))]
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *places]))
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


class Postgres(Store):
    """A PostgreSQL cluster with one database, `app`, whose tables may lie on a small disk."""

    user = "postgres"

    def prepare(self) -> None:
        """Make the cluster."""
        self.own(self.folder)
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        self.mounted = (
            os.getuid() == 0
            and not subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=32m", "outage", str(self.disk)], check=False
            ).returncode
        )
        self.own(self.disk)
        program = find("initdb", "usr/lib/postgresql/*/bin")
        self.data = str(self.folder / "data")
        self.run(program, "-D", self.data, "-A", "trust", "-U", "postgres", "--no-sync")

    def command(self) -> list[str]:
        """Return what starts the server."""
        program = find("postgres", "usr/lib/postgresql/*/bin")
        options = [f"port={self.port}", f"unix_socket_directories={self.folder}"]
        options += ["listen_addresses=127.0.0.1", "max_connections=60"]
        return [program, "-D", self.data, *(word for one in options for word in ("-c", one))]

    @property
    def url(self) -> str:
        """The address of the database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/app"

    def connect(self, database: str = "app") -> psycopg.Connection[tuple[object, ...]]:
        """Connect as an administrator; each statement is a transaction."""
        where = f"host=127.0.0.1 port={self.port} user=postgres connect_timeout=5"
        return psycopg.connect(f"{where} dbname={database}", autocommit=True)

    def ping(self) -> None:
        """Return when the server answers."""
        self.connect("postgres").close()

    def create(self) -> None:
        """Make the database."""
        with self.connect("postgres") as server:
            where = ""
            if self.mounted:
                server.execute(f"CREATE TABLESPACE small LOCATION '{self.disk}'".encode())
                where = " TABLESPACE small"
            server.execute(f"CREATE DATABASE app{where}".encode())

    def read_only(self, on: bool) -> None:
        """Refuse all changes, as a replica does."""
        with self.connect("postgres") as server:
            word = "on" if on else "off"
            server.execute("SET default_transaction_read_only = off")
            server.execute(f"ALTER SYSTEM SET default_transaction_read_only = {word}".encode())
            server.execute("SELECT pg_reload_conf()")

    def fill(self) -> None:
        """Leave no room on the disk, nor in the tables that logins and notes are put into."""
        if not self.mounted:
            pytest.skip("nobody may mount a small disk here")
        with (self.disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(4096))
        with self.connect() as server:
            for table in ("login_sessions", "notes"):
                # An index may have no room while its table has some, and the other way around.
                refused = 0
                while refused < 50:
                    try:
                        server.execute(FILL[table])
                        refused = 0
                    except psycopg.errors.DiskFull:
                        refused += 1

    def make_room(self) -> None:
        """Undo `fill`."""
        (self.disk / "filler").unlink()

    def close_connections(self) -> None:
        """Close all connections of others, as a restart or an idle timeout does."""
        with self.connect() as server:
            while server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = 'app' AND pid != pg_backend_pid()"
            ).fetchall():
                time.sleep(0.05)

    def close(self) -> None:
        """End the server, and remove its folder."""
        if self.process and self.process.poll() is None:
            self.go_on()
            self.kill()
        if self.mounted:
            subprocess.run(["umount", str(self.disk)], check=True)
        super().close()


FILL = {
    "notes": b"INSERT INTO notes (text) VALUES ('')",
    "login_sessions": b"INSERT INTO login_sessions (user_id, token, series, created_at,"
    b" last_seen_at, address, user_agent) SELECT id, gen_random_uuid(), '', 0, 0, '', ''"
    b" FROM users LIMIT 1",
}


class Redis(Store):
    """A Redis that keeps nothing on disk."""

    user = "root"

    def command(self) -> list[str]:
        """Return what starts the server."""
        return [find("redis-server"), "--port", str(self.port), "--save", "", "--bind", "127.0.0.1"]

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def client(self) -> redis.Redis:
        """A client of the test's own."""
        return redis.Redis(port=self.port, socket_timeout=5)

    def ping(self) -> None:
        """Return when the server answers."""
        self.client.ping()

    def fill(self) -> None:
        """Let the server refuse what needs memory."""
        self.client.config_set("maxmemory", "1")

    def make_room(self) -> None:
        """Undo `fill`."""
        self.client.config_set("maxmemory", "0")

    def counted(self) -> int:
        """Return how many attempts the server has counted."""
        return sum(int(self.client.get(key) or 0) for key in self.client.keys("LIMITS*"))


class MariaDB(Store):
    """A MariaDB with one database, `app`."""

    user = "mysql"

    def prepare(self) -> None:
        """Make the server's tables."""
        self.own(self.folder)
        self.data = str(self.folder / "data")
        program = find("mariadb-install-db")
        self.run(
            program,
            "--no-defaults",
            f"--datadir={self.data}",
            "--auth-root-authentication-method=normal",
        )

    def command(self) -> list[str]:
        """Return what starts the server."""
        program = find("mariadbd", "usr/sbin")
        options = [f"--datadir={self.data}", f"--port={self.port}", "--bind-address=127.0.0.1"]
        options += [f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid"]
        return [program, "--no-defaults", "--innodb-flush-log-at-trx-commit=1", *options]

    @property
    def url(self) -> str:
        """The address of the database."""
        return f"mysql://root@127.0.0.1:{self.port}/app"

    def connect(self, database: str | None = "app") -> pymysql.Connection[pymysql.cursors.Cursor]:
        """Connect as an administrator."""
        return pymysql.connect(host="127.0.0.1", port=self.port, user="root", database=database)

    def ping(self) -> None:
        """Return when the server answers."""
        self.connect(None).close()

    def create(self) -> None:
        """Make the database."""
        with self.connect(None) as server, server.cursor() as cursor:
            cursor.execute("CREATE DATABASE app")

    def stop(self) -> None:
        """End the server as an administrator does."""
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)

    def close_connections(self) -> None:
        """Close all connections of others, as a restart or an idle timeout does."""
        with self.connect() as server, server.cursor() as cursor:
            others = (
                "SELECT id FROM information_schema.processlist"
                " WHERE db = 'app' AND id != connection_id()"
            )
            while cursor.execute(others):
                for (number,) in cursor.fetchall():
                    with contextlib.suppress(pymysql.Error):
                        cursor.execute(f"KILL {number}")
                time.sleep(0.05)
