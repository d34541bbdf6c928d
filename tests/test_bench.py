"""The benchmark measures, refuses peers that do other work, and counts what goes wrong."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.chart import draw
from bench.load import measure
from bench.visitor import Visitor, WrongAnswer

RUN = Path(__file__).parents[1] / "bench" / "run.py"


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


@pytest.fixture(params=["wrk", "bundled client"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "bundled client":
        monkeypatch.setattr("bench.load.shutil.which", lambda _: None)


@pytest.mark.parametrize("path", ["/protected", "/slow"])
def test_a_page_that_does_not_name_the_user_is_not_measured(port: int, path: str) -> None:
    with pytest.raises(WrongAnswer, match="Who are you"):
        Visitor(port).check(path)


@pytest.mark.usefixtures("client")
def test_refusals_are_counted_as_errors(port: int) -> None:
    assert measure(port, "/protected", 2, 1, "").errors == 0
    assert measure(port, "/slow", 2, 1, "").errors > 0


def test_the_chart_shows_every_peer_with_its_median() -> None:
    rates = {"ours": [10, 30, 20], "theirs & co": [1, 2, 3]}
    results = [
        {"peer": peer, "loads": {"/protected": {"rate": rate}}}
        for peer, values in rates.items()
        for rate in values
    ]
    chart = ElementTree.fromstring(draw({"results": results}, ["/protected"]))  # noqa: S314  # ours
    texts = [text.text for text in chart.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[1:] == ["ours", "20", "theirs & co", "2"]


@pytest.mark.slow
def test_the_benchmark_runs(tmp_path: Path) -> None:
    options = ["--quick", "--peer", "this template, uvicorn + uvloop", "--cache", str(tmp_path)]
    run = subprocess.run([sys.executable, RUN, *options], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    rows = [row for row in run.stdout.splitlines() if row.startswith("| this template")]
    # Two user backends, four pieces of work, no error.
    assert len(rows) == 8, run.stdout + run.stderr
    assert all(row.endswith("| 0 |") for row in rows), run.stdout
