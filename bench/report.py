"""docs/benchmarks.md and its chart, from the results that run.py and scale.py leave behind."""

import json
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from chart import draw
from goals import PROTECTED, SLOW, goals_table

DOCS = Path(__file__).parents[1] / "docs"


def table(data: dict[str, Any]) -> str:
    """Return a table of requests a second for every work, best peer first."""
    return "\n".join(_works(data))


def _works(data: dict[str, Any]) -> Iterable[str]:
    results = data["results"]
    for work in dict.fromkeys(name for result in results for name in result["loads"]):
        storm = any("logins" in r["loads"].get(work, {}) for r in results)
        yield f"### {work}\n"
        head = "| | requests/s | processor µs per request | p50 ms | p99 ms | errors |"
        yield head + (" logins/s |" if storm else "")
        yield "|---|---|---|---|---|---|" + ("---|" if storm else "")
        rows = {}
        for peer in dict.fromkeys(r["peer"] for r in results if work in r["loads"]):
            rows[peer] = [
                r["loads"][work] for r in results if r["peer"] == peer and work in r["loads"]
            ]
        for peer, loads in sorted(rows.items(), key=lambda row: -median(_all("rate", row[1]))):
            keys = ("rate", "processor_us", "p50", "p99")
            cells = [peer, *(_spread(_all(key, loads)) for key in keys)]
            line = f"| {' | '.join(cells)} | {sum(_all('errors', loads)):.0f} |"
            yield line + (f" {_spread(_all('logins', loads))} |" if storm else "")
        yield ""


def _all(key: str, loads: list[dict[str, Any]]) -> list[float]:
    return [load[key] for load in loads]


def _spread(values: list[float]) -> str:
    if len(values) == 1:
        return _short(values[0])
    return f"{_short(median(values))} ({_short(min(values))}..{_short(max(values))})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _workers(data: dict[str, Any]) -> Iterable[str]:
    yield "| | MiB at the start | MiB after the work | start s |"
    yield "|---|---|---|---|"
    for peer in dict.fromkeys(r["peer"] for r in data["results"] if not r["wrong"]):
        rows = [r for r in data["results"] if r["peer"] == peer and not r["wrong"]]
        cells = (_spread(_all(key, rows)) for key in ("memory_at_start", "memory", "start"))
        yield f"| {peer} | {' | '.join(cells)} |"


def _scale(data: dict[str, Any]) -> Iterable[str]:
    for section in data["sections"].values():
        yield f"### {section['title']}\n\n`{section['command']}`\n\n{section['text']}\n"


DATABASES = """\
The same two pages four ways, one worker on one core, a pool of 16 connections, 200 connections
that ask; PostgreSQL and the client share the other core with what else runs. Processor time is the
server's own for a request, without the database's; figures and ratios as above."""
INTRODUCTION = """\
# Benchmarks

Written by `python3 bench/run.py` and `python3 bench/scale.py`; only their figures go in here.
The first takes some twenty minutes, and with `--quick` two minutes for a rough table. It
needs [uv](https://docs.astral.sh/uv/), makes an environment for each peer in the cache folder, and
uses wrk where that is installed, else a client of its own.

Every peer runs with one worker on one core; the load comes from the other core. A round starts all
peers and gives each piece of work to one after the other, the rest being idle, so that those that
are compared meet the machine within seconds; the order turns round with each round. Figures are the
median of the rounds, with the least and the most in brackets; ratios are taken within each round,
against the best peer of that round, before their median is. A busy machine disturbs requests a
second more than the processor time that the server spent on a request, so ratios by that time stand
beside them where the processor is what limits.

The work is the same everywhere: the render's own page templates, the same six security headers, a
host check, a CSRF token in each form, Argon2id with the same parameters. The peers are in
`bench/peers/`. Before and after each measurement the page is read as the logged-in user, and the
user's name has to be in it; errors are answers other than 2xx and 3xx, broken connections, and
refused logins of the storm (four people who log in without a pause).

A page is mostly the work of templates, which all peers share. So there is also a line of text
behind the login, `Logged in as: demo`, which shows what the way to a logged-in user costs.
And 200 connections to a page that takes 50 ms make 4,000 requests a second at most: where a peer
serves more than 2,667 of them, no other can serve 1.5 times as many.

What the template does and the peers do not: logins that the server keeps and can revoke, a login
asked for on every page that is not listed as public, Fetch Metadata checks, and throttled logins.
"""


def _database(data: dict[str, Any]) -> Iterable[str]:
    yield from ("## Databases", "", f"Run: {data['began']} UTC, {data['machine']}.", "")
    yield from (f"`{data['command']}`", "", DATABASES, "", data["text"])


def write(cache: Path) -> None:
    """Write the document and the chart from what has been measured so far."""
    if not (cache / "results.json").exists():
        return
    data = json.loads((cache / "results.json").read_text())
    (DOCS / "benchmarks.svg").write_text(draw(data, [PROTECTED, SLOW]))
    rounds = max(result["round"] for result in data["results"])
    ran = f"{data['began']} UTC, {rounds} rounds of {data['seconds']} s, {data['machine']}."
    lines = [
        INTRODUCTION,
        f"Run: {ran}{data.get('note', '')}",
        "",
        "![Requests a second](benchmarks.svg)",
        "",
    ]
    lines += ["## Goals", "", *goals_table(data), "", "## Requests", "", *_works(data)]
    lines += [
        "## Workers",
        "",
        "Memory is what is resident; start is from the command to the first answer.",
        "",
    ]
    lines += [*_workers(data), ""]
    if (cache / "scale.json").exists():
        scale = json.loads((cache / "scale.json").read_text())
        lines += ["## Scale", "", f"Run: {scale['began']} UTC, {scale['machine']}.", ""]
        lines += _scale(scale)
    if (cache / "database.json").exists():
        lines += ["", *_database(json.loads((cache / "database.json").read_text()))]
    (DOCS / "benchmarks.md").write_text("\n".join(lines).rstrip() + "\n")
