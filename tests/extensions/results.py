"""A pytest plugin that notes each outcome at once, so that a killed run tells how far it came."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

SEVERITY = ["started", "passed", "skipped", "failed", "not collected"]


def note(test: str, outcome: str) -> None:
    """Add a line to the file that the RESULTS variable names."""
    with Path(os.environ["RESULTS"]).open("a") as file:
        file.write(json.dumps([test.rpartition("/")[2], outcome]) + "\n")


def pytest_runtest_logstart(nodeid: str) -> None:
    note(nodeid, "started")


def pytest_runtest_logreport(report: Any) -> None:
    if report.when == "call" or report.outcome != "passed":
        note(report.nodeid, report.outcome)


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        note(report.nodeid, "not collected")


def read(file: Path) -> dict[str, str]:
    """Give each test's worst outcome; one that was started only has failed."""
    outcomes: dict[str, str] = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        test, outcome = json.loads(line)
        outcomes[test] = max(outcome, outcomes.get(test, "started"), key=SEVERITY.index)
    return {test: each.replace("started", "failed") for test, each in outcomes.items()}
