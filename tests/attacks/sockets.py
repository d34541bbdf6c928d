"""Print what each server makes of requests that no browser sends, and what they cost it.

    python tests/attacks/sockets.py [hypercorn uvicorn-h11 uvicorn-httptools granian]

A row for each attack: the status, the time until the answer, the memory that the server took
meanwhile, and the longest that another client waited for `/healthz`. Load goes to this machine
alone. Figures of a busy machine say little, and no test depends on them.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from attacks.raw import Client

ROOT = Path(__file__).parents[2]
PATIENCE = 10  # Seconds that an answer is waited for.
SLOW = 75  # Seconds that a slow client goes on at most.
COMMANDS = {
    "hypercorn": "hypercorn --bind 127.0.0.1:{port} {app}",
    "uvicorn-h11": "uvicorn --http h11 --no-proxy-headers --port {port} {app}",
    "uvicorn-httptools": "uvicorn --http httptools --no-proxy-headers --port {port} {app}",
    "granian": "granian --interface asgi --port {port} {app}",
}
FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"
TOKEN = "X-CSRFToken: a token"  # In its place comes one that is valid, with its cookie.
SITE = """
from accounts import load_app, public
from quart import request

from {package} import create_app

app = load_app(create_app)


@app.post("/fields")
@public
async def fields():
    return str(len(await request.form))


@app.post("/json")
@public
async def json():
    return type(await request.get_json()).__name__
"""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    """Return the bytes of a request."""
    return "\r\n".join([line, "Host: localhost", *headers, "", ""]).encode("latin-1") + body


def post(body: bytes, kind: str, path: str = "/") -> bytes:
    """Return the bytes of a form with a valid token."""
    length = f"Content-Length: {len(body)}"
    return request(f"POST {path} HTTP/1.1", kind, TOKEN, length, body=body)


def chunks(number: int) -> bytes:
    """Return a form in chunks of one byte."""
    head = request("POST / HTTP/1.1", FORM, "Transfer-Encoding: chunked")
    return head + b"1\r\na\r\n" * number + b"0\r\n\r\n"


def parts(number: int) -> bytes:
    """Return a form of many parts."""
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
    kind = "Content-Type: multipart/form-data; boundary=x"
    return post(part * number + b"--x--\r\n", kind, "/fields")


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return a frame of HTTP/2."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def resets(number: int) -> bytes:
    """Return a connection of HTTP/2 that opens streams and resets each at once."""
    # GET, http, / by the static table; the authority as a literal.
    headers = b"\x82\x86\x84\x41\x09localhost"
    opened = (
        frame(1, 5, stream, headers) + frame(3, 0, stream, struct.pack(">I", 8))
        for stream in range(1, 2 * number, 2)
    )
    return PREFACE + frame(4, 0, 0) + b"".join(opened)


COOKIES = "; ".join(f"c{n}={n}" for n in range(1000))
TWICE = "my_quart_app_session=a; my_quart_app_session=b"
ATTACKS: dict[str, bytes] = {
    "5,000 header fields": request(
        "GET / HTTP/1.1", *(f"X-{n}: {'a' * 20}" for n in range(5000)), "Connection: close"
    ),
    "a header of 8 MB": request("GET / HTTP/1.1", "X: " + "a" * 2**23, "Connection: close"),
    "1,000 cookies": request("GET / HTTP/1.1", f"Cookie: {COOKIES}", "Connection: close"),
    "two session cookies": request(
        "GET /protected HTTP/1.1", f"Cookie: {TWICE}", "Connection: close"
    ),
    "a form in 100,000 chunks": chunks(100_000),
    "a chunk of no size": request("POST / HTTP/1.1", FORM, "Transfer-Encoding: chunked")
    + b"x\r\na\r\n0\r\n\r\n",
    "both lengths": request(
        "POST / HTTP/1.1", FORM, "Content-Length: 3", "Transfer-Encoding: chunked"
    )
    + b"0\r\n\r\nGET /protected HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "two lengths": request("POST / HTTP/1.1", FORM, "Content-Length: 1", "Content-Length: 3")
    + b"abc",
    "100,000 fields": post(b"&".join(b"a%d=b" % n for n in range(100_000)), FORM, "/fields"),
    "100,000 parts": parts(100_000),
    "JSON 100,000 deep": post(b"[" * 100_000 + b"]" * 100_000, JSON, "/json"),
    "an absolute URI": request("GET http://evil.example/protected HTTP/1.1", "Connection: close"),
    "encoded slashes": request("GET /static/..%2f..%2f.env HTTP/1.1", "Connection: close"),
    "an encoded path": request("GET /account%2Fsessions HTTP/1.1", "Connection: close"),
    "HTTP/2, 20,000 resets": resets(20_000),
}


def answer(connection: socket.socket, data: bytes) -> str:
    """Send data, and return the status of the answer, or how the connection ends."""
    received = b""
    try:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        while len(received) < 12 or data.startswith(PREFACE):
            part = connection.recv(65536)
            if not part:
                break
            received += part
    except TimeoutError:
        return "open" if not received else _status(received)
    except ConnectionResetError:
        pass
    return _status(received)


def _status(received: bytes) -> str:
    if received[:5] == b"HTTP/":
        return received.split()[1].decode()
    return "HTTP/2" if received else "closed"


def attack(port: int, data: bytes) -> tuple[str, float]:
    """Attack once; return the status and the seconds that it took."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        status = answer(connection, data)
    return status, time.monotonic() - started


def credentials(port: int) -> bytes:
    """Return the headers with which a form is taken."""
    client = Client(f"http://localhost:{port}")
    token = client.token()
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    return f"X-CSRFToken: {token}\r\nCookie: {cookies}".encode()


def trickle(port: int, head: bytes, more: bytes) -> float:
    """Send something each second; return the seconds until the server has had enough."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(head)
        while time.monotonic() < started + SLOW:
            try:
                if more:
                    connection.sendall(more)
                if not connection.recv(65536):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
    return time.monotonic() - started


SLOW_ATTACKS = {
    "a connection without a request": (b"", b""),
    "headers, a letter a second": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"a"),
    "a body, a letter a second": (
        request("POST / HTTP/1.1", FORM, "Content-Length: 1000"),
        b"a",
    ),
}


@dataclass
class Server:
    """A server that runs, whose memory and answers are watched."""

    port: int
    group: int
    memory: float = 0
    wait: float = 0

    def resident(self) -> float:
        """Return the memory of the server's processes in MiB."""
        total = 0
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, ValueError, IndexError):
                if os.getpgid(int(folder.name)) == self.group:
                    total += int((folder / "statm").read_text().split()[1])
        return total * os.sysconf("SC_PAGESIZE") / 2**20

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note how much memory is taken, and how long others wait, meanwhile."""
        ended, before = threading.Event(), self.resident()
        peaks, waits = [before], [0.0]

        def weigh() -> None:
            while not ended.wait(0.02):
                peaks.append(self.resident())

        def visit() -> None:
            while not ended.wait(0.02):
                waits.append(attack(self.port, request("GET /healthz HTTP/1.1"))[1])

        threads = [threading.Thread(target=work) for work in (weigh, visit)]
        for thread in threads:
            thread.start()
        yield
        ended.set()
        for thread in threads:
            thread.join()
        self.memory, self.wait = max(peaks) - before, max(waits)


@contextmanager
def serve(project: Path, command: str) -> Iterator[Server]:
    """Run the app on a server."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    program, *options = command.format(port=port, app="attacked:app").split()
    log = open(project / "server.log", "a")  # noqa: SIM115  # as long as the server
    process = subprocess.Popen(
        [project / ".venv" / "bin" / program, *options],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project)},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        for _ in range(600):
            time.sleep(0.1)
            with suppress(OSError):
                if attack(port, request("GET /healthz HTTP/1.1"))[0] == "200":
                    break
        yield Server(port, process.pid)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()
        log.close()


def install(folder: str) -> Path:
    """Render the template, and install the render with all servers."""
    from cookiecutter.main import cookiecutter

    project = Path(cookiecutter(str(ROOT), no_input=True, output_dir=folder))
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([uv, "sync", "--quiet", "--project", project], check=True)
    (project / "attacked.py").write_text(SITE.format(package=project.name))
    servers = ["uvicorn[standard]", "granian"]
    python = project / ".venv"
    subprocess.run([uv, "pip", "install", "--quiet", "-p", python, *servers], check=True)
    return project


def measure(project: Path, names: list[str]) -> dict[str, list[str]]:
    """Return the cells of each row, in the order of the servers."""
    rows: dict[str, list[str]] = {name: [] for name in (*ATTACKS, *SLOW_ATTACKS)}
    for name in names:
        with serve(project, COMMANDS[name]) as server:
            for row, attacking in ATTACKS.items():
                data = attacking.replace(TOKEN.encode(), credentials(server.port), 1)
                with server.watched():
                    status, seconds = attack(server.port, data)
                    # What has been read is worked on although the client has left.
                    attack(server.port, request("GET /healthz HTTP/1.1"))
                cost = f"{seconds:.1f} s, {server.memory:.0f} MiB, {server.wait:.1f} s"
                rows[row].append(f"{status}; {cost}")
            slow(server.port, rows)
    return rows


def slow(port: int, rows: dict[str, list[str]]) -> None:
    """Let the slow clients in, all at once."""

    def run(row: str, head: bytes, more: bytes) -> None:
        seconds = trickle(port, head, more)
        rows[row].append("not ended" if seconds >= SLOW else f"ended after {seconds:.0f} s")

    threads = [
        threading.Thread(target=run, args=(row, *given)) for row, given in SLOW_ATTACKS.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main(names: list[str]) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(install(folder), names)
    print("| attack | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for row, cells in rows.items():
        print(f"| {row} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(sys.argv[1:] or list(COMMANDS))
