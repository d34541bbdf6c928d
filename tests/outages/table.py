"""The table of docs/reliability.md, made of what the runs of test_outages.py have found."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
MARKS = re.compile(r"(<!-- outages:start -->\n).*?(<!-- outages:end -->)", re.DOTALL)
AT_ONCE = 4.0
"""Seconds up to which a time is that of a busy machine, and none is written."""
COLUMNS = {
    "pages that ask nobody": ("public page", "static file", "404", "405", "/healthz"),
    "login page": ("login page",),
    "login": ("login",),
    "page behind it": ("page behind it",),
    "query of yours": ("own query",),
    "change of yours": ("own change",),
    "open websocket, stream": ("open websocket", "open stream"),
    "new websocket": ("new websocket",),
    "`/readyz`": ("/readyz",),
    "`quart users`": ("quart users",),
}
TIMELESS = ("`quart users`",)
"""A program's time is mostly that of its start, which is the machine's."""
WORKS = {"200", "303", "404", "405", "open", "done"}


def cell(answers: list[list[Any]], timed: bool) -> str:
    """Return what all servers answer, and after how long where that is long."""
    what = " or ".join(sorted({"works" if one in WORKS else one for one, _ in answers}))
    longest = max(seconds for _, seconds in answers)
    return what if not timed or longest < AT_ONCE else f"{what}, {longest:.0f} s"


def table(runs: list[dict[str, Any]]) -> str:
    """Return the table of some runs, the longest time of each."""
    heads = ["", *COLUMNS, "all is well after", "lost"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name in runs[0]:
        cells = []
        for head, pages in COLUMNS.items():
            asked = [run[name]["answers"][page] for run in runs for page in pages]
            answers = [answer for one in asked for answer in one.values()]
            cells.append(cell(answers, head not in TIMELESS))
        cells.append(f"{max(run[name]['seconds'] for run in runs):.1f} s")
        cells.append(" or ".join(sorted({run[name]["lost"] for run in runs})))
        lines.append("| " + " | ".join([f"**{name}**", *cells]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the table into the page."""
    files = sorted((ROOT / "build").glob("outages-*.json"))
    runs = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    made = table(runs)
    text = MARKS.sub(lambda marks: marks[1] + made + marks[2], PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
