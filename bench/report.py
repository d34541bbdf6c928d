"""docs/benchmarks.md and its chart, from the results that run.py and scale.py leave behind."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from chart import draw

DOCS = Path(__file__).parents[1] / "docs"
OURS = "this template, uvicorn + uvloop"
OURS_SQL = f"{OURS}, SQLite"
QUART = "bare Quart, uvicorn + uvloop"
AUTH = "Quart-Auth, uvicorn + uvloop"
TUTORIAL = "Quart's tutorial on quart-flask-patch, uvicorn + asyncio"
FLASK = "Flask + Flask-Login, gunicorn"
FLASK_SQL = "Flask + Flask-Login + Flask-SQLAlchemy, gunicorn"
PROTECTED, SLOW, STORM = "/protected", "/slow, 200", "/protected in a login storm"

Value = Callable[[dict[str, Any]], float]


@dataclass(frozen=True)
class Goal:
    """A ratio that is to be reached; peers are given by how their names begin."""

    text: str
    value: Value
    peer: str
    at_least: float = 0
    at_most: float = 0
    ours: str = OURS
    base: Value | None = None
    # The work whose processor time says the same, where the processor is what limits the peers.
    busy: str = ""


def _rate(work: str) -> Value:
    return lambda result: float(result["loads"][work]["rate"])


def _processor(work: str) -> Value:
    return lambda result: 1 / float(result["loads"][work]["processor_us"])


def _p99(work: str) -> Value:
    return lambda result: float(result["loads"][work]["p99"])


PUBLIC = "public page"
GOALS = (
    Goal("public page, against bare Quart", _rate(PUBLIC), QUART, 0.97, busy=PUBLIC),
    Goal("`/protected` (memory), against Quart-Auth", _rate(PROTECTED), AUTH, 1.1, busy=PROTECTED),
    Goal(
        "`/protected` (memory), against Flask, best gunicorn",
        _rate(PROTECTED),
        FLASK,
        1.6,
        busy=PROTECTED,
    ),
    Goal("`/slow`, 200 connections, against the tutorial", _rate(SLOW), TUTORIAL, 100),
    Goal("`/slow`, 200 connections, against bare Quart", _rate(SLOW), QUART, 0.97, busy=SLOW),
    Goal("`/slow`, 200 connections, against Flask, best gunicorn", _rate(SLOW), FLASK, 1.5),
    Goal(
        "p99 of `/protected`: login storm against idle",
        _p99(STORM),
        OURS,
        at_most=2,
        base=_p99(PROTECTED),
    ),
    Goal("memory of a worker, against bare Quart", lambda r: float(r["memory"]), QUART, 0, 1.15),
    Goal("start, against bare Quart", lambda r: float(r["start"]), QUART, 0, 1.5),
    Goal(
        "`/protected` (SQLite), against Flask + Flask-SQLAlchemy, best gunicorn",
        _rate(PROTECTED),
        FLASK_SQL,
        1.6,
        ours=OURS_SQL,
        busy=PROTECTED,
    ),
)


def ratios(goal: Goal, data: dict[str, Any]) -> list[float]:
    """Return the goal's ratio in each round, against the peer that is best in that round."""
    best = max if goal.at_least else min
    found = []
    for number in sorted({result["round"] for result in data["results"]}):
        rows = [r for r in data["results"] if r["round"] == number and not r["wrong"]]
        ours = [goal.value(r) for r in rows if r["peer"] == goal.ours]
        theirs = [(goal.base or goal.value)(r) for r in rows if r["peer"].startswith(goal.peer)]
        if goal.base:
            theirs = [goal.base(r) for r in rows if r["peer"] == goal.ours]
        if ours and theirs:
            found.append(ours[0] / best(theirs))
    return found


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


def _goals(data: dict[str, Any]) -> Iterable[str]:
    yield "| work | goal | ratio: median (min..max) | | ratio by processor time |"
    yield "|---|---|---|---|---|"
    for goal in GOALS:
        values = ratios(goal, data)
        if not values:
            continue
        middle = median(values)
        met = middle >= goal.at_least if goal.at_least else middle <= goal.at_most
        wanted = f">= {goal.at_least:g}" if goal.at_least else f"<= {goal.at_most:g}"
        verdict = "met" if met else "missed"
        busy = ""
        if goal.busy:
            busy = _range(ratios(replace(goal, value=_processor(goal.busy)), data))
        yield f"| {goal.text} | {wanted} | {_range(values)} | {verdict} | {busy} |"


def _range(values: list[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f}..{max(values):.2f})"


def _workers(data: dict[str, Any]) -> Iterable[str]:
    yield "| | memory MiB | start s |"
    yield "|---|---|---|"
    for peer in dict.fromkeys(r["peer"] for r in data["results"] if not r["wrong"]):
        rows = [r for r in data["results"] if r["peer"] == peer and not r["wrong"]]
        memory, start = _all("memory", rows), _all("start", rows)
        yield f"| {peer} | {_spread(memory)} | {_spread(start)} |"


def _scale(data: dict[str, Any]) -> Iterable[str]:
    for section in data["sections"].values():
        yield f"### {section['title']}\n\n`{section['command']}`\n\n{section['text']}\n"


INTRODUCTION = """\
# Benchmarks

Written by `python3 bench/run.py` and `python3 bench/scale.py`; only their figures go in here.
The first takes about a quarter of an hour, and with `--quick` two minutes for a rough table. It
needs [uv](https://docs.astral.sh/uv/), makes an environment for each peer in the cache folder, and
uses wrk where that is installed, else a client of its own.

Every peer runs with one worker on one core; the load comes from the other core. A round measures
every peer once, and the order turns round with each round. Figures are the median of the rounds,
with the least and the most in brackets; ratios are taken within each round, against the best peer
of that round, before their median is. A busy machine disturbs requests a second more than the
processor time that the server spent on a request, so ratios by that time stand beside them where
the processor is what limits.

The work is the same everywhere: the render's own page templates, the same six security headers, a
host check, a CSRF token in each form, Argon2id with the same parameters. The peers are in
`bench/peers/`. Before and after each measurement the page is read as the logged-in user, and the
user's name has to be in it; errors are answers other than 2xx and 3xx, broken connections, and
refused logins of the storm (four people who log in without a pause).

What the template does and the peers do not: logins that the server keeps and can revoke, a login
asked for on every page that is not listed as public, Fetch Metadata checks, and throttled logins.
"""


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
    lines += ["## Goals", "", *_goals(data), "", "## Requests", "", *_works(data)]
    lines += [
        "## Workers",
        "",
        "Memory is held after the work; start is from the command to the first answer.",
        "",
    ]
    lines += [*_workers(data), ""]
    if (cache / "scale.json").exists():
        scale = json.loads((cache / "scale.json").read_text())
        lines += ["## Scale", "", f"Run: {scale['began']} UTC, {scale['machine']}.", ""]
        lines += _scale(scale)
    (DOCS / "benchmarks.md").write_text("\n".join(lines).rstrip() + "\n")
