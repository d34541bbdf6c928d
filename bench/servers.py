"""Environments and servers of the peers: installed once, pinned to one core each."""

import hashlib
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

from lineup import Peer

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "quart-template-bench"
HERE = Path(__file__).parent
TEMPLATE = HERE.parent
SLUG = "bench_app"
UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
SERVER_CORE, CLIENT_CORE = 0, 1
SETTINGS = {
    "ENVIRONMENT": "development",
    "SECRET_KEY": "9Jd0Vq3mB7tXkPz5wLrY8uHsEaNcG2fQ" * 2,
    "DEMO_PASSWORD": "horse-battery-staple-9",
}


class NotServing(Exception):
    """A peer's server did not start."""


def pin(core: int) -> None:
    """Keep this process on one core, where the system can do that and has several."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > core:
        os.sched_setaffinity(0, {core})


def machine() -> str:
    """Return what is measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = names[0] if names else platform.machine()
    return f"{os.cpu_count()} cores ({model}), Python {platform.python_version()}"


def surroundings(variables: dict[str, str], folder: str) -> dict[str, str]:
    """Return the environment that a peer runs in, with the folder for what it keeps."""
    own = {"PEER_FOLDER": folder, "INSTANCE_PATH": folder}
    # No deployment compiles all modules anew at each start.
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, **SETTINGS, **variables, **own}


class Workshop:
    """The folder with one environment for each set of packages, and the renders."""

    def __init__(self, folder: Path) -> None:
        if not Path(UV).exists():
            raise SystemExit("The environments are made with uv, which is missing: pip install uv")
        self.folder = folder
        self._renders: dict[str, Path] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def environment(self, packages: tuple[str, ...]) -> Path:
        """Return the bin folder of an environment with the packages, made at its first use."""
        wanted = "\n".join(sorted(set(packages)))
        digest = hashlib.sha256(f"{sys.version}\n{wanted}".encode()).hexdigest()[:12]
        place = self.folder / f"env-{digest}"
        if not (place / "complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            subprocess.run([UV, "venv", "-q", "-p", sys.executable, place], check=True)
            python = place / "bin" / "python"
            command = [UV, "pip", "install", "-q", "-p", python, *sorted(set(packages))]
            subprocess.run(command, check=True)
            (place / "complete").write_text(wanted)
        return place / "bin"

    def render(self, backend: str) -> Path:
        """Return the render with the user backend, made anew at its first use."""
        if backend not in self._renders:
            cookiecutter = self.environment(("cookiecutter", "jinja2-time")) / "cookiecutter"
            place = self.folder / f"render-{backend}"
            shutil.rmtree(place, ignore_errors=True)
            template = self._copy_template()
            answers = [f"project_slug={SLUG}", f"user_backend={backend}"]
            command = [cookiecutter, "--no-input", "-o", place, template, *answers]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            self._renders[backend] = place / SLUG
        return self._renders[backend]

    def _copy_template(self) -> Path:
        """Leave out the compiled files of code that ran in place: they are no templates."""
        copy = self.folder / "template"
        shutil.rmtree(copy, ignore_errors=True)
        for part in ("hooks", "{{cookiecutter.project_slug}}"):
            shutil.copytree(
                TEMPLATE / part, copy / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(TEMPLATE / "cookiecutter.json", copy)
        return copy

    def prepare(self, peer: Peer) -> tuple[Path, dict[str, str]]:
        """Return the bin folder and the variables that the peer's server runs with."""
        packages, variables, paths = peer.packages, {}, [str(HERE / "peers")]
        render = self.render(peer.backend or "memory")
        package = render / "src" / SLUG
        if peer.backend:
            project = tomllib.loads((render / "pyproject.toml").read_text())["project"]
            packages = (*packages, *project["dependencies"])
            paths.append(str(render / "src"))
        elif peer.sql:
            variables["PEER_USERS"] = "sql"
        variables["BENCH_TEMPLATES"] = str(package / "templates")
        variables["PYTHONPATH"] = os.pathsep.join(paths)
        return self.environment(packages), variables


class Server:
    """A peer's server on the server core, from `with` until its end."""

    def __init__(self, workshop: Workshop, peer: Peer, options: str = "") -> None:
        binaries, variables = workshop.prepare(peer)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        command = peer.server.format(port=self.port, app=peer.app) + options
        name, *arguments = command.split()
        self._command = [str(binaries / name), *arguments]
        self._variables = variables
        self.start_seconds = 0.0
        self.cores = {SERVER_CORE}

    def __enter__(self) -> "Server":
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self._log = open(Path(self._folder.name) / "log", "w+b")  # open until the end
        begin = time.perf_counter()
        self.process = subprocess.Popen(
            self._command,
            env=surroundings(self._variables, self._folder.name),
            cwd=self._folder.name,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            preexec_fn=self._pin,
        )
        while not self._answers():
            if self.process.poll() is not None or time.perf_counter() - begin > 30:
                log = self._read_log()
                self.__exit__()
                raise NotServing(f"{' '.join(self._command)}\n{log}")
            time.sleep(0.01)
        self.start_seconds = time.perf_counter() - begin
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()
        self._folder.cleanup()

    def memory(self) -> float:
        """Return the resident memory of the worker, in MiB."""
        return max(map(_resident, _family(self.process.pid)), default=0) / 1024

    def processor_seconds(self) -> float:
        """Return how long the server's processes have kept a core busy."""
        return sum(map(_busy, _family(self.process.pid))) / os.sysconf("SC_CLK_TCK")

    def _pin(self) -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, self.cores)

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _read_log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-3000:]


def _family(pid: int) -> Iterator[int]:
    yield pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    for child in children.read_text().split() if children.exists() else []:
        yield from _family(int(child))


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def _busy(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return int(user) + int(system)
