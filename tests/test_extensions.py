"""Run the extension suite (tests/extensions) in environments of its own, and check its tables."""

from __future__ import annotations

import json
import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from interpreters import find_python

ROOT = Path(__file__).parents[1]
SUITE = ROOT / "tests" / "extensions"
RECORD: dict[str, Any] = json.loads((ROOT / "docs" / "extensions.json").read_text())
PYTHONS = {"quart-0.22": "3.11", "quart-0.23": "3.13", "flask": "3.13"}


def need_redis() -> None:
    """Skip where no Redis server answers."""
    url = urlsplit(os.environ.get("TEST_REDIS_URL", "redis://localhost:6379"))
    try:
        socket.create_connection((url.hostname, url.port or 6379), timeout=2).close()
    except OSError:
        pytest.skip("Redis is not running")


def test_tables_say_what_the_results_say() -> None:
    for page, text in runpy.run_path(str(SUITE / "table.py"))["pages"](RECORD).items():
        assert page.read_text() == text, f"run python tests/extensions/matrix.py for {page.name}"


@pytest.mark.parametrize("environment", PYTHONS)
def test_no_behaviour_is_recorded_as_failing(environment: str) -> None:
    failed = {title: each[environment]["failed"] for title, each in RECORD["extensions"].items()}
    assert {title: tests for title, tests in failed.items() if tests} == {}


@pytest.mark.slow
@pytest.mark.parametrize("environment", PYTHONS)
def test_a_fresh_run_gives_the_recorded_results(environment: str) -> None:
    find_python(PYTHONS[environment])
    need_redis()
    command = [sys.executable, str(SUITE / "matrix.py"), "--check", "--only", environment]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr
