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


def pytest_sessionfinish() -> None:
    note("session", "finished")


def read(file: Path) -> tuple[dict[str, str], int]:
    """Give each test's worst outcome, and how many sessions came to their end."""
    outcomes: dict[str, str] = {}
    finished = 0
    for line in file.read_text().splitlines() if file.exists() else []:
        test, outcome = json.loads(line)
        if outcome == "finished":
            finished += 1
        else:
            outcomes[test] = max(outcome, outcomes.get(test, "started"), key=SEVERITY.index)
    return {test: each.replace("started", "failed") for test, each in outcomes.items()}, finished
