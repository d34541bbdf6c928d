"""Two nodes in network namespaces of their own, a balancer, and the stores that they share."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from baking import BakedProject

NETWORK = "10.213.77"
STORES = f"{NETWORK}.1"
PORT = 8000
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    access_log off;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream app {{ {servers} keepalive 16; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_connect_timeout 2s;
        }}
    }}
}}
"""


def run(*command: str | Path) -> str:
    """Run a command that must succeed and return what it printed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def until(condition: Callable[[], bool], patience: float = 60) -> float:
    """Wait for a condition and return how many seconds it took."""
    started = time.monotonic()
    while time.monotonic() - started < patience:
        with contextlib.suppress(httpx.TransportError):
            if condition():
                return time.monotonic() - started
        time.sleep(0.05)
    raise TimeoutError("This has not come about.")


def stop(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    """Ask a process to end, and wait until it has."""
    process.send_signal(number)
    process.wait(60)


@contextlib.contextmanager
def namespaces(*names: str) -> Iterator[None]:
    """Make network namespaces that reach each other by a bridge, and take them down again."""
    bridge = f"{names[0]}br"
    run("ip", "link", "add", bridge, "type", "bridge")
    try:
        run("ip", "addr", "add", f"{STORES}/24", "dev", bridge)
        run("ip", "link", "set", bridge, "up")
        for number, name in enumerate(names, 2):
            run("ip", "netns", "add", name)
            run(*f"ip link add {name} type veth peer name eth0 netns {name}".split())
            run("ip", "link", "set", name, "master", bridge, "up")
            run(*f"ip -n {name} addr add {NETWORK}.{number}/24 dev eth0".split())
            for device in ("lo", "eth0"):
                run("ip", "-n", name, "link", "set", device, "up")
        yield
    finally:
        for name in names:
            for kind in ("link", "netns"):
                subprocess.run(["ip", kind, "del", name], check=False, capture_output=True)
        run("ip", "link", "del", bridge)


@dataclass
class Node:
    """A machine with two workers of the app."""

    name: str
    address: str
    env: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{self.address}:{PORT}"

    def start(self, project: BakedProject, version: Path) -> float:
        """Start a version of the app; return the seconds until it is ready."""
        hypercorn = project.path / ".venv" / "bin" / "hypercorn"
        options = ("--workers", "2", "--graceful-timeout", "20", "--bind", f"0.0.0.0:{PORT}")
        command = ("ip", "netns", "exec", self.name, hypercorn, *options)
        with self.log.open("a") as output:
            self.process = subprocess.Popen(
                [*command, f"{project.slug}.asgi:app"],
                cwd=version,
                env=self.env | {"PYTHONPATH": str(version / "src")},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return until(lambda: self.status() == 200)

    def status(self) -> int:
        """Return what /readyz answers, 0 for nothing."""
        try:
            return httpx.get(f"{self.url}/readyz", headers={"Host": "localhost"}).status_code
        except httpx.TransportError:
            return 0

    def end(self) -> None:
        """Ask the node to stop, and wait until it has."""
        if self.process:
            stop(self.process)

    def kill(self) -> None:
        """End all of its processes at once."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class Balancer:
    """nginx, which is told which nodes are ready, as a controller or a script does."""

    folder: Path
    port: int
    nodes: list[Node]
    process: subprocess.Popen[bytes] | None = None
    ready: list[bool] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start nginx, and look at the nodes again and again."""
        self.ready = [True] * len(self.nodes)
        self._write()
        error, config = self.folder / "error.log", self.folder / "nginx.conf"
        self.process = subprocess.Popen(["nginx", "-e", error, "-c", config])
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()

    def end(self) -> None:
        """End all of it."""
        self.stopped.set()
        self.thread.join()
        if self.process:
            stop(self.process)

    def _watch(self) -> None:
        while not self.stopped.wait(0.3):
            ready = [node.status() == 200 for node in self.nodes]
            # With none ready each is tried: one may be by then.
            if any(ready) and ready != self.ready:
                self.ready = ready
                self._write()
                if self.process:
                    self.process.send_signal(signal.SIGHUP)

    def _write(self) -> None:
        servers = " ".join(
            f"server {node.address}:{PORT}{'' if ready else ' down'} max_fails=0;"
            for node, ready in zip(self.nodes, self.ready, strict=True)
        )
        text = NGINX.format(folder=self.folder, port=self.port, servers=servers)
        (self.folder / "nginx.conf").write_text(text)


@dataclass
class Postgres:
    """A cluster of PostgreSQL's of its own, which only lasts for the test."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{STORES}:{self.port}/postgres"

    def start(self) -> None:
        """Make it, and start it."""
        self.folder.mkdir()
        shutil.chown(self.folder, "postgres")
        self._call("initdb", "--auth=trust", "--no-sync")
        with (self.folder / "pg_hba.conf").open("a") as file:
            file.write(f"host all all {NETWORK}.0/24 trust\n")
        settings = f"listen_addresses = '{STORES}'\nport = {self.port}\n"
        settings += f"unix_socket_directories = '{self.folder}'\n"
        with (self.folder / "postgresql.conf").open("a") as file:
            file.write(settings)
        self._call("pg_ctl", "start", "--wait", "--log", str(self.folder / "log"))

    def restart(self) -> None:
        """Restart it; connections are cut."""
        self._call("pg_ctl", "restart", "--wait", "--mode=fast", "--log", str(self.folder / "log"))

    def end(self) -> None:
        """Stop it."""
        self._call("pg_ctl", "stop", "--mode=immediate")

    def _call(self, program: str, *options: str) -> None:
        installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
        # Its servers keep what they inherit open.
        subprocess.run(
            ["runuser", "-u", "postgres", "--", installed[-1], "-D", self.folder, *options],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@dataclass
class Redis:
    """A Redis of its own, which keeps what it counts on disk."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{STORES}:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"--bind {STORES} --protected-mode no --port {self.port} --appendonly yes"
        command = ["redis-server", *options.split(), "--dir", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(lambda: self.ask("ping") == "PONG")

    def ask(self, *words: str) -> str:
        """Return what it answers."""
        command = ["redis-cli", "-h", STORES, "-p", str(self.port), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def counted(self) -> int:
        """Return how many failed logins are counted for accounts and known browsers."""
        keys = [key for key in self.ask("keys", "*").split("\n") if "/account/" in key]
        return sum(int(self.ask("get", key) or 0) for key in keys)

    def end(self) -> None:
        """Stop it."""
        if self.process:
            stop(self.process)
