"""The tables of docs/extensions.md and README.md, made from docs/extensions.json."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MARKS = re.compile(r"(<!-- extensions:start -->\n).*?(<!-- extensions:end -->)", re.DOTALL)

HEAD = """\
| Extension | Quart 0.22, Python 3.11 | Quart 0.23, Python 3.13 | quart-flask-patch 0.3.0, Quart 0.22 | \
the same, Quart 0.23 |
|---|---|---|---|---|
"""
COLUMNS = ["quart-0.22", "quart-0.23", "compared-0.22", "compared-0.23"]

# What cannot work, why, and what to use instead.
UNSUPPORTED = {
    "Flask-SocketIO": "No: it replaces the WSGI server. Use Quart's websockets, or python-socketio's "
    "`ASGIApp` in front of the app (both tested).",
    "Flask-KVSession": "No: it fails on current Flask too (it reads a bytes cookie with a string "
    "pattern). Use Flask-Session.",
}
# What a row has to be read with.
NOTES = {
    "Flask-PyMongo": "Tested against a stand-in that speaks MongoDB's wire protocol.",
}


def title_of(module: Path) -> tuple[str, str]:
    """Give the extension's name and what is tested, from a module's docstring."""
    docstring = ast.get_docstring(ast.parse(module.read_text())) or ""
    title, _, rest = docstring.splitlines()[0].partition(": ")
    return title.partition(" takes ")[0].partition("'s ")[0], rest.rstrip(".")


def cell(extension: dict[str, Any], name: str) -> str:
    """Say how many of the tests pass; bold where all do."""
    passed, tests = extension[name]["passed"], extension["tests"]
    return f"**{passed}/{tests}**" if passed == tests else f"{passed}/{tests}"


def rows(record: dict[str, Any]) -> str:
    """Make the table, one line for each extension and one for the sum."""
    extensions = record["extensions"]
    lines = {
        title: " | ".join([title, *(cell(extension, name) for name in COLUMNS)])
        for title, extension in extensions.items()
        if title not in UNSUPPORTED
    }
    lines |= {title: f"{title} | {why} | | |" for title, why in UNSUPPORTED.items()}
    total = {
        "tests": sum(extensions[title]["tests"] for title in lines if title in extensions),
        **{
            name: {"passed": sum(each[name]["passed"] for each in extensions.values())}
            for name in COLUMNS
        },
    }
    total["tests"] = sum(each["tests"] for each in extensions.values())
    body = [f"| {lines[title]} |" for title in sorted(lines, key=str.lower)]
    body.append(" | ".join(["| All", *(cell(total, name) for name in COLUMNS)]) + " |")
    return HEAD + "\n".join(body) + "\n"


def details(record: dict[str, Any]) -> str:
    """List what is tested of each extension, at which version, and what fails."""
    modules = {title_of(path)[0]: title_of(path)[1] for path in HERE.glob("test_*.py")}
    lines = []
    for title in sorted(record["extensions"], key=str.lower):
        extension = record["extensions"][title]
        text = f"- **{title}** {extension['version']}: {modules[title]}."
        if title in UNSUPPORTED:
            text = f"- **{title}**: what serves instead."
        if title in NOTES:
            text += f" {NOTES[title]}"
        for name in ("quart-0.22", "quart-0.23"):
            for test in extension[name]["failed"]:
                text += f"\n  - fails on {name.replace('-', ' ').title()}: `{test}`"
        lines.append(text)
    return "\n".join(lines)


def document(record: dict[str, Any]) -> str:
    """Make docs/extensions.md."""
    extensions, environments = record["extensions"], record["environments"]
    on_flask = sum(each["flask"]["passed"] for each in extensions.values())
    failed_on_flask = sum(len(each["flask"]["failed"]) for each in extensions.values())
    tests = sum(each["tests"] for each in extensions.values())
    installed = "; ".join(
        f"Python {environments[name]['python']} with Quart {environments[name]['quart']}"
        for name in ("quart-0.22", "quart-0.23")
    )
    return f"""\
# Flask extensions on `flask_patch`

Made by `python tests/extensions/matrix.py` from test results ({installed}; Flask \
{environments["quart-0.23"]["flask"]}); `--check` fails when a fresh run says something else. Each of \
the {tests} behaviours is tested through HTTP, a websocket or the command line, with `async def` and \
`def` views. To show that the tests ask for nothing but what Flask does, the {on_flask + failed_on_flask} \
of them that Flask can run are run on Flask itself too: {on_flask} pass there.

<!-- extensions:start -->
{rows(record)}<!-- extensions:end -->

## What is tested

{details(record)}
"""


def pages(record: dict[str, Any]) -> dict[Path, str]:
    """Give the text that each page has to have."""
    readme = ROOT / "README.md"
    table = rows(record)
    return {
        ROOT / "docs" / "extensions.md": document(record),
        readme: MARKS.sub(lambda marks: marks[1] + table + marks[2], readme.read_text()),
    }
