"""A pytest plugin that lets a suite written for Flask run on the bridge, and is strict about it.

Only the test's side is adapted: the client and the runner of commands are Flask's, which the bridge
makes run a Quart app. What the app returns is not converted.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask.signals
import pytest

ON_BRIDGE = os.environ["PATCH"] == "flask_patch"
SOURCE = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}/src"
BODILESS = {204, 304}

flask.signals.signals_available = True  # Flask-RESTful's suite asks; it was always true since 2.3.

if ON_BRIDGE:
    sys.path.insert(0, str(SOURCE))
    import flask_patch  # noqa: F401  (patches on import)
    import quart
    from flask.testing import FlaskClient

    quart.Quart.test_client_class = FlaskClient

    class Watch:
        """Holds what an app sends to what a server of HTTP holds it to."""

        def __init__(self, scope: dict[str, Any], send: Any) -> None:
            self.head = scope["method"] == "HEAD"
            self.send = send
            self.left: int | None = None
            self.bodiless = False

        async def __call__(self, message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self.start(message)
            elif message["type"] == "http.response.body":
                self.body(message)
            await self.send(message)

        def start(self, message: dict[str, Any]) -> None:
            status = message["status"]
            assert isinstance(status, int), f"the status is {status!r}"
            headers = dict(message["headers"])
            assert all(isinstance(part, bytes) for field in message["headers"] for part in field)
            self.bodiless = self.head or status < 200 or status in BODILESS
            if status < 200 or status in BODILESS:
                assert b"content-length" not in headers, f"{status} has a Content-Length"
            elif b"content-length" in headers and not self.head:
                self.left = int(headers[b"content-length"])

        def body(self, message: dict[str, Any]) -> None:
            data = message.get("body", b"")
            assert isinstance(data, bytes), f"the body is {type(data).__name__}"
            assert not (self.bodiless and data), "a body where there is none"
            if self.left is not None:
                self.left -= len(data)
                assert self.left >= 0, "the body is longer than Content-Length"
                assert self.left == 0 or message.get("more_body"), "the body is too short"

    native_call = quart.Quart.__call__

    async def watched(self: Any, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            send = Watch(scope, send)
        await native_call(self, scope, receive, send)

    quart.Quart.__call__ = watched  # type: ignore[method-assign]


class Services:
    """Stands for the containers of Flask-Limiter's suite; of those it starts Redis."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server: subprocess.Popen[bytes] | None = None

    def start(self, name: str) -> None:
        if name != "redis" or shutil.which("redis-server") is None:
            pytest.skip(f"{name} is not here")
        if self.server is None:
            command = ["redis-server", "--port", "46379", "--save", "", "--dir", str(self.folder)]
            self.server = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def wait_for_service(self, name: str, port: int, *_: Any) -> None:
        for _attempt in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection(("localhost", 46379)).close()
                return
            time.sleep(0.1)


@pytest.fixture(scope="session")
def docker_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    services = Services(tmp_path_factory.mktemp("services"))
    yield services
    if services.server is not None:
        services.server.terminate()
        services.server.wait()


def note(test: str, outcome: str) -> None:
    """Add a line to the file that the RESULTS variable names."""
    with Path(os.environ["RESULTS"]).open("a") as file:
        file.write(json.dumps([test, outcome]) + "\n")


def pytest_runtest_logstart(nodeid: str) -> None:
    note(nodeid, "started")


def pytest_runtest_logreport(report: Any) -> None:
    if report.outcome == "passed" and hasattr(report, "wasxfail"):
        note(report.nodeid, "passed unexpectedly")
    elif report.when == "call" or report.outcome != "passed":
        note(report.nodeid, report.outcome)


def pytest_warning_recorded(warning_message: Any, nodeid: str) -> None:
    if "was never awaited" in str(warning_message.message):
        note(nodeid, "unawaited")


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        note(report.nodeid, "not collected")


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: Any, name: str, obj: Any) -> Any:
    """Collect a test that yields its checks, as nose did, as one that makes them all."""
    if not (collector.funcnamefilter(name) and inspect.isgeneratorfunction(obj)):
        return None

    def make_checks() -> None:
        for check, *arguments in obj():
            check(*arguments)

    return list(collector._genfunctions(name, make_checks))


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    config.option.strict_markers = False
