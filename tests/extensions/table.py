"""The table of docs/extensions.md and its sum in README.md, made from docs/extensions.json."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Another folder's module of the same name.
upstream = SimpleNamespace(**runpy.run_path(str(ROOT / "tests" / "upstream" / "table.py")))
MARKS = re.compile(r"(<!-- extensions:start -->\n).*?(<!-- extensions:end -->)", re.DOTALL)

COLUMNS = {
    "quart-0.22": "Quart 0.22, Python 3.11",
    "quart-0.23": "Quart 0.23, Python 3.13",
    "compared-0.22": "quart-flask-patch 0.3.0, Quart 0.22",
    "compared-0.23": "the same, Quart 0.23",
}

# What cannot work, why, and what to use instead.
UNSUPPORTED = {
    "Flask-SocketIO": "No: it takes the WSGI server over. Use Quart's websockets, or "
    "python-socketio's `ASGIApp` in front of the app (both tested).",
}
# Whose name in the package index is another.
PACKAGES = {"Flask-KVSession": "flask-kvsession-fork", "SQLAlchemy": "sqlalchemy"}
# What a row has to be read with.
NOTES = {
    "Flask-KVSession": "On current Flask it fails too; the tests mend two lines of it. New apps "
    "are better off with Flask-Session.",
    "Flask-Login": "An `async` loader is given as `app.ensure_sync(loader)`, as on Flask: "
    "Flask-Login 0.6.3 awaits none itself.",
    "Flask-PyMongo": "The server is a stand-in that speaks MongoDB's wire protocol.",
}
DOCUMENT = """\
# Flask extensions on `flask_patch`

Made from test results by `python tests/extensions/matrix.py`; with `--check` it fails when a fresh
run says something else. Run with {installed}.

Each of the {tests} behaviours is tested through HTTP, a websocket or the command line, with
`async def` and `def` views. To show that the tests ask for what Flask does and no more, the {able}
of them that Flask can run are run on Flask itself too: {passed} pass there.

<!-- extensions:start -->
{rows}<!-- extensions:end -->

## Their own suites

The tests that the extensions' authors wrote, run on Flask and on the bridge by
`python tests/upstream/run.py`; with `--check` it fails when a fresh run says something else. Each
cell says how many pass on the bridge, of those that pass on Flask with the same Python. Only the
test's side is adapted: the test client is Flask's (`flask.testing.FlaskClient`, which the bridge
makes run a Quart app), and the `flask` command runs `quart`. A test that is skipped, that passes
unexpectedly, or that leaves a coroutine unawaited has not passed, and what an app sends is held to
what a server holds it to. The distributions of {repositories}
hold no tests, or not all that they need: these run where UPSTREAM_FOLDER names a folder with the
repositories' trees.

<!-- upstream:start -->
{upstream}<!-- upstream:end -->

## What is tested

{details}
"""


def title_of(module: Path) -> tuple[str, str]:
    """Give the extension's name and what is tested, from a module's docstring."""
    docstring = ast.get_docstring(ast.parse(module.read_text())) or ""
    title, _, rest = docstring.splitlines()[0].partition(": ")
    return title.partition("'s ")[0], rest.rstrip(".")


def cell(passed: int, tests: int) -> str:
    """Say how many of the tests pass; bold where all do."""
    return f"**{passed}/{tests}**" if passed == tests else f"{passed}/{tests}"


def rows(record: dict[str, Any]) -> str:
    """Make the table, one line for each extension and one for the sum."""
    supported = {
        title: extension
        for title, extension in record["extensions"].items()
        if title not in UNSUPPORTED
    }
    lines = {
        title: [cell(extension[name]["passed"], extension["tests"]) for name in COLUMNS]
        for title, extension in supported.items()
    }
    lines |= {title: [why, "", "", ""] for title, why in UNSUPPORTED.items()}
    tests = sum(each["tests"] for each in supported.values())
    total = [
        cell(sum(each[name]["passed"] for each in supported.values()), tests) for name in COLUMNS
    ]
    table = [["Extension", *COLUMNS.values()], ["---"] * 5]
    table += [[title, *lines[title]] for title in sorted(lines, key=str.lower)]
    table.append(["All", *total])
    return "".join(f"| {' | '.join(line)} |\n" for line in table)


def details(record: dict[str, Any]) -> str:
    """List what is tested of each extension, at which version, and what fails."""
    subjects = dict(title_of(path) for path in HERE.glob("test_*.py"))
    lines = []
    for title in sorted(record["extensions"], key=str.lower):
        extension = record["extensions"][title]
        lines.append(f"- **{title}** {extension['version']}: {subjects[title]}.")
        if title in NOTES:
            lines.append(f"  {NOTES[title]}")
        for name in ("quart-0.22", "quart-0.23"):
            for test in extension[name]["failed"]:
                lines.append(f"  - fails with {COLUMNS[name]}: `{test}`")
    return "\n".join(lines)


def document(record: dict[str, Any]) -> str:
    """Make docs/extensions.md."""
    extensions, environments = record["extensions"].values(), record["environments"]
    passed = sum(each["flask"]["passed"] for each in extensions)
    return DOCUMENT.format(
        installed=" and with ".join(
            "Python {python}, Quart {quart}, Flask {flask}".format(**environments[name])
            for name in ("quart-0.22", "quart-0.23")
        ),
        tests=sum(each["tests"] for each in extensions),
        able=passed + sum(len(each["flask"]["failed"]) for each in extensions),
        passed=passed,
        rows=rows(record),
        details=details(record),
        upstream="".join(f"| {' | '.join(row)} |\n" for row in upstream.rows(upstream.read())),
        repositories=", ".join(upstream.from_repositories()),
    )


def summary(record: dict[str, Any]) -> str:
    """Sum the table up for the README."""
    supported = [each for name, each in record["extensions"].items() if name not in UNSUPPORTED]
    tests = sum(each["tests"] for each in supported)
    passed = {name: sum(each[name]["passed"] for each in supported) for name in COLUMNS}
    return (
        f"{len(supported)} extensions, {tests} behaviours: {passed['quart-0.22']} and "
        f"{passed['quart-0.23']} pass on the bridge, {passed['compared-0.22']} and "
        f"{passed['compared-0.23']} on\nquart-flask-patch. "
        "Which, and what is tested of each, is in [docs/extensions.md](docs/extensions.md).\n"
    )


def pages(record: dict[str, Any]) -> dict[Path, str]:
    """Give the text that each page has to have."""
    readme, text = ROOT / "README.md", summary(record)
    return {
        ROOT / "docs" / "extensions.md": document(record),
        readme: MARKS.sub(lambda marks: marks[1] + text + marks[2], readme.read_text()),
    }
