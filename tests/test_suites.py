"""Run the extensions' own suites (tests/upstream), and compare with the record."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from interpreters import find_python

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "upstream"
RECORD: dict[str, Any] = json.loads((ROOT / "docs" / "upstream.json").read_text())
SUITES: dict[str, Any] = tomllib.loads((FOLDER / "suites.toml").read_text())["suites"]
QUARTS = ("quart-0.22", "quart-0.23")


def recorded(name: str) -> list[str]:
    """Return on which Quarts the suite was run; suites.toml says on which it was not yet."""
    pending = SUITES[name].get("pending", [])
    assert {*QUARTS} == RECORD[name].keys() - {"version"} | {*pending}
    return [quart for quart in QUARTS if quart not in pending]


def test_tables_say_what_the_record_says() -> None:
    for page, text in runpy.run_path(str(FOLDER / "table.py"))["pages"](RECORD).items():
        assert page.read_text() == text, f"run python tests/upstream/run.py for {page.name}"


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_is_recorded_at_its_version_and_passes_on_flask(name: str) -> None:
    entry = RECORD[name]
    assert entry["version"] == SUITES[name]["version"]
    assert all(entry[quart]["flask"] > 0 for quart in recorded(name))


@pytest.mark.parametrize("name", SUITES)
def test_whatever_is_lost_has_a_reason_and_whatever_has_a_reason_is_lost(name: str) -> None:
    lost = {test for quart in recorded(name) for test in RECORD[name][quart]["lost"]}
    assert lost == SUITES[name].get("losses", {}).keys()


@pytest.mark.soak
def test_fresh_runs_give_the_recorded_results() -> None:
    for version in ("3.11", "3.13"):
        find_python(version)
    # Those of which the distribution holds no tests are run where UPSTREAM_FOLDER has their trees.
    command = [sys.executable, str(FOLDER / "run.py"), "--check"]
    finished = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    assert finished.returncode == 0, finished.stdout + finished.stderr
