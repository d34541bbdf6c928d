"""Goals: the ratios that the rendered app is to reach against its peers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

OURS = "this template, uvicorn + uvloop"
OURS_SQL = f"{OURS}, SQLite"
QUART = "bare Quart, uvicorn + uvloop"
AUTH = "Quart-Auth, uvicorn + uvloop"
TUTORIAL = "Quart's tutorial on quart-flask-patch, uvicorn + asyncio"
FLASK = "Flask + Flask-Login, gunicorn"
FLASK_SQL = "Flask + Flask-Login + Flask-SQLAlchemy, gunicorn"
PROTECTED, LINE = "/protected", "a line of text behind the login"
SLOW, STORM = "/slow, 200", "/protected in a login storm"

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
    Goal("a line behind the login (memory), against Quart-Auth", _rate(LINE), AUTH, 1.1, busy=LINE),
    Goal(
        "a line behind the login (memory), against Flask, best gunicorn",
        _rate(LINE),
        FLASK,
        1.6,
        busy=LINE,
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
    Goal(
        "memory of a worker at its start, against bare Quart",
        lambda r: float(r["memory_at_start"]),
        QUART,
        at_most=1.15,
    ),
    Goal(
        "memory of a worker after the work, against bare Quart",
        lambda r: float(r["memory"]),
        QUART,
        at_most=1.15,
    ),
    Goal("start, against bare Quart", lambda r: float(r["start"]), QUART, 0, 1.5),
    Goal(
        "a line behind the login (SQLite), against Flask + Flask-SQLAlchemy, best gunicorn",
        _rate(LINE),
        FLASK_SQL,
        1.6,
        ours=OURS_SQL,
        busy=LINE,
    ),
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


def goals_table(data: dict[str, Any]) -> Iterable[str]:
    """Yield the lines of a table of the goals, each met or missed."""
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
