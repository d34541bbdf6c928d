"""The benchmark measures, refuses peers that do other work, and counts what goes wrong."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.load import measure
from bench.visitor import Visitor, WrongAnswer

RUN = Path(__file__).parents[1] / "bench" / "run.py"
needs_wrk = pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")


class Anonymous(BaseHTTPRequestHandler):
    """Answers every page with 200, and /slow with 401; knows nobody."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b"Who are you?"
        self.send_response(401 if self.path == "/slow" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Anonymous) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize("path", ["/protected", "/slow"])
def test_a_page_that_does_not_name_the_user_is_not_measured(port: int, path: str) -> None:
    with pytest.raises(WrongAnswer, match="Who are you"):
        Visitor(port).check(path)


@needs_wrk
def test_refusals_are_counted_as_errors(port: int) -> None:
    assert measure(port, "/protected", 2, 1, "").errors == 0
    assert measure(port, "/slow", 2, 1, "").errors > 0


@needs_wrk
@pytest.mark.slow
def test_the_benchmark_runs(tmp_path: Path) -> None:
    options = ["--quick", "--peer", "this template", "--cache", str(tmp_path)]
    run = subprocess.run([sys.executable, RUN, *options], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    rows = [row for row in run.stdout.splitlines() if row.startswith("| this template")]
    # Two user backends with four pieces of work, no error, and a row on each worker.
    assert len(rows) == 10, run.stdout + run.stderr
    assert all(row.endswith("| 0 |") for row in rows[:8]), run.stdout
