"""The table of docs/extensions.md and the README's figure, made from docs/upstream.json."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MARKS = re.compile(r"(<!-- upstream:start -->\n).*?(<!-- upstream:end -->)", re.DOTALL)
COLUMNS = {
    "quart-0.22": "Quart 0.22, Python 3.11",
    "quart-0.23": "Quart 0.23, Python 3.13",
}


def cell(result: dict[str, Any] | None) -> str:
    """Say how many of the tests that pass on Flask pass; bold where all do."""
    if result is None:
        return "not run yet"
    counts = f"{result['bridge']}/{result['flask']}"
    return f"**{counts}**" if result["bridge"] == result["flask"] else counts


def total(record: dict[str, Any], environment: str) -> dict[str, int]:
    results = [entry[environment] for entry in record.values() if environment in entry]
    return {side: sum(each[side] for each in results) for side in ("flask", "bridge")}


def rows(record: dict[str, Any]) -> Iterator[list[str]]:
    """Make the table, one line for each suite and one for the sum."""
    yield ["Suite", *COLUMNS.values(), "lost"]
    yield ["---"] * 4
    for name, entry in record.items():
        lost = {test for env in COLUMNS if env in entry for test in entry[env]["lost"]}
        cells = [cell(entry.get(environment)) for environment in COLUMNS]
        yield [f"{name} {entry['version']}", *cells, reasons(name, lost)]
    yield ["All", *(cell(total(record, environment)) for environment in COLUMNS), ""]


def suites() -> dict[str, Any]:
    """Read what is to be run."""
    read: dict[str, Any] = tomllib.loads((HERE / "suites.toml").read_text())["suites"]
    return read


def from_repositories() -> list[str]:
    """Name the suites that the package index does not have."""
    return [name for name, suite in suites().items() if suite.get("repository")]


def reasons(name: str, lost: set[str]) -> str:
    """Sum up why tests are lost."""
    losses = suites()[name].get("losses", {})
    counts: dict[str, int] = {}
    for test in lost:
        reason = losses.get(test, "unexplained")
        counts[reason] = counts.get(reason, 0) + 1
    return "; ".join(f"{count}: {reason}" for reason, count in sorted(counts.items()))


def figure(record: dict[str, Any]) -> str:
    """Make the README's line."""
    run = sum(bool(COLUMNS.keys() & entry.keys()) for entry in record.values())
    old, new = (total(record, environment) for environment in COLUMNS)
    return (
        f"Of the tests of {run} extensions' own suites that pass on Flask, "
        f"{old['bridge']:,} of {old['flask']:,} pass on Quart 0.22 and "
        f"{new['bridge']:,} of {new['flask']:,} on Quart 0.23\n"
        "([which do not, and why](docs/extensions.md#their-own-suites)).\n"
    )


def pages(record: dict[str, Any]) -> dict[Path, str]:
    """Give each page as it ought to be."""
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows(record))
    contents = {"docs/extensions.md": table, "README.md": figure(record)}
    return {
        ROOT / page: MARKS.sub(lambda m, text=text: m[1] + text + m[2], (ROOT / page).read_text())
        for page, text in contents.items()
    }


def write(record: dict[str, Any]) -> None:
    for path, text in pages(record).items():
        path.write_text(text)


def read() -> dict[str, Any]:
    record: dict[str, Any] = json.loads((ROOT / "docs" / "upstream.json").read_text())
    return record
