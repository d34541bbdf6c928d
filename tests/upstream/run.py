"""Run the extensions' own suites on Flask and on the bridge, and write what came of it.

    python tests/upstream/run.py            run all, write docs/upstream.json and the tables
    python tests/upstream/run.py --check    run all, fail where a fresh run differs from the record
    python tests/upstream/run.py --only Flask-Login    print what is lost by one

Needs uv and Pythons 3.11 and 3.13. UPSTREAM_FOLDER may name a folder with repositories' trees.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import table

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORK = HERE / ".work"
RECORD = ROOT / "docs" / "upstream.json"
QUARTS = {"quart-0.22": ("3.11", "quart==0.22.*"), "quart-0.23": ("3.13", "quart==0.23.*")}
SLACK = 0.02  # Of a suite's tests, some ask for the network, or measure time.
SETTINGS = {
    "pytest.ini": [""],
    "pyproject.toml": ["[tool.pytest"],
    "tox.ini": ["[pytest]"],
    "setup.cfg": ["[tool:pytest]"],
}
PATCHES = ("flask", "flask_patch")
SEVERITY = ("started", "passed", "skipped", "passed unexpectedly", "unawaited", "failed")


@dataclass(frozen=True)
class Suite:
    """An extension's own tests."""

    name: str
    version: str
    extras: str = ""
    tests: tuple[str, ...] = ("tests",)
    ignore: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    timeout: int = 60
    repository: bool = False
    pending: tuple[str, ...] = ()  # Where it has not been run yet.
    losses: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path | None:
        """Where its tests are, or None where nobody has brought them."""
        given = os.environ.get("UPSTREAM_FOLDER")
        if self.repository:
            folder = Path(given, self.name) if given else WORK
            return folder if given and folder.is_dir() else None
        return WORK / "suites" / f"{self.name}-{self.version}"


def suites() -> list[Suite]:
    """Read what is to be run."""
    read = tomllib.loads((HERE / "suites.toml").read_text())["suites"]
    lists = ("tests", "ignore", "plugins", "pending")
    return [
        Suite(name, **{key: tuple(v) if key in lists else v for key, v in entry.items()})
        for name, entry in read.items()
    ]


def uv(*arguments: str) -> None:
    """Run uv, from beside this Python or from the path."""
    beside = Path(sys.executable).with_name("uv")
    subprocess.run([str(beside) if beside.exists() else "uv", *arguments], check=True)


def make_environment(name: str) -> Path:
    """Make or update the environment of a Quart release, for all suites; return its folder."""
    python, quart = QUARTS[name]
    folder = WORK / name
    if not folder.exists():
        uv("venv", "--quiet", "--python", python, "--seed", str(folder))
    extensions = [f"{suite.name}{suite.extras}=={suite.version}" for suite in suites()]
    requirements = str(HERE / "requirements.txt")
    install = ["pip", "install", "--quiet", "--python", str(folder), "-r", requirements]
    uv(*install, quart, *extensions)
    return folder


def fetch(suite: Suite, environment: Path) -> None:
    """Download the suite's source distribution and unpack it."""
    if suite.repository or suite.folder is None or suite.folder.exists():
        return
    target = WORK / "sdists" / suite.name
    download = [environment / "bin" / "pip", "download", "--quiet", "--no-deps", "--no-binary"]
    requirement = f"{suite.name}=={suite.version}"
    subprocess.run([*download, ":all:", "--dest", target, requirement], check=True)
    [archive] = target.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(target, filter="data")
    [unpacked] = [path for path in target.iterdir() if path.is_dir()]
    suite.folder.parent.mkdir(exist_ok=True)
    unpacked.rename(suite.folder)


def run(suite: Suite, environment: str, patch: str, *tests: str) -> dict[str, str]:
    """Run the suite in a copy of its own, since it may write there; give each test's outcome."""
    assert suite.folder is not None
    label = f"{suite.name}-{environment}-{patch}"
    copy = WORK / "runs" / label
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(suite.folder, copy, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    if not any(has_settings(copy / name) for name in SETTINGS):
        (copy / "pytest.ini").write_text("[pytest]\n")  # Or pytest would look further up.
    results = WORK / "runs" / f"{label}.jsonl"
    results.unlink(missing_ok=True)
    python = WORK / environment / "bin"
    options = ["-o", "addopts=", "-o", "asyncio_default_fixture_loop_scope=function"]
    # Python 3.13 warns of them at some later test, whichever runs when they are collected.
    options += ["-W", "ignore:unclosed database:ResourceWarning"]
    options += ["-p", "no:flask", f"--timeout={suite.timeout}", f"--basetemp={copy}-tmp"]
    for plugin in ("adapt", *suite.plugins):
        options += ["-p", plugin]
    options += [f"--ignore={path}" for path in suite.ignore]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    inherited.pop("CI", None)  # Where it is set, Flask-Caching's suite starts no Redis of its own.
    variables = {
        **inherited,
        "PATCH": patch,
        "RESULTS": str(results),
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE / "stand_ins")]),
        "PATH": os.pathsep.join([str(HERE / "bin"), str(python), os.environ["PATH"]]),
    }
    command = [
        python / "python",
        "-m",
        "pytest",
        "-q",
        "--tb=short",
        *options,
        *(tests or suite.tests),
    ]
    done = subprocess.run(command, cwd=copy, env=variables, capture_output=True, text=True)
    (WORK / "runs" / f"{label}.log").write_text(done.stdout + done.stderr)
    return read(results)


def has_settings(file: Path) -> bool:
    """Return whether pytest takes the file for a suite's settings."""
    return file.exists() and any(mark in file.read_text() for mark in SETTINGS[file.name])


def read(results: Path) -> dict[str, str]:
    """Give each test's worst outcome; one that was started only has failed."""
    outcomes: dict[str, str] = {}
    for line in results.read_text().splitlines() if results.exists() else []:
        test, outcome = json.loads(line)
        known = outcome if outcome in SEVERITY else "failed"
        outcomes[test] = max(known, outcomes.get(test, "started"), key=SEVERITY.index)
    return outcomes


def passed(outcomes: dict[str, str]) -> set[str]:
    return {test for test, outcome in outcomes.items() if outcome == "passed"}


def judge(environment: str, suite: Suite) -> dict[str, Any]:
    """Run a suite on Flask and on the bridge; say how many pass, and what is lost."""
    on_flask, on_bridge = (passed(run(suite, environment, patch)) for patch in PATCHES)
    if not on_flask:
        raise SystemExit(f"{suite.name}: nothing passes on Flask, see {WORK / 'runs'}")
    lost = on_flask - on_bridge
    if lost:  # Some measure time, and the machine was busy.
        lost -= passed(run(suite, environment, "flask_patch", *lost))
    return {"flask": len(on_flask), "bridge": len(on_flask - lost), "lost": sorted(lost)}


def collect(chosen: list[Suite]) -> dict[str, Any]:
    """Run the suites in each environment, two at a time."""
    record: dict[str, Any] = {suite.name: {"version": suite.version} for suite in chosen}
    for environment in QUARTS:
        folder = make_environment(environment)
        for suite in chosen:
            fetch(suite, folder)
        with ThreadPoolExecutor(2) as pool:
            results = pool.map(partial(judge, environment), chosen)
            for suite, result in zip(chosen, results, strict=True):
                record[suite.name][environment] = result
                lost = f", lost: {', '.join(result['lost'])}" if result["lost"] else ""
                counts = f"{result['bridge']}/{result['flask']}"
                print(f"{environment} {suite.name} {counts}{lost}", file=sys.stderr)
    return record


def unexplained(record: dict[str, Any]) -> list[str]:
    """Name what a run has lost for no reason that suites.toml gives."""
    reasons = {suite.name: suite.losses for suite in suites()}
    return [
        f"{name}: {environment} loses {test}"
        for name, entry in record.items()
        for environment in QUARTS.keys() & entry.keys()
        for test in entry[environment]["lost"]
        if test not in reasons[name]
    ]


def differences(fresh: dict[str, Any], stored: dict[str, Any]) -> list[str]:
    """Say where a fresh run differs from the record."""
    return [
        f"{name}, {environment}: the record says {before}, a fresh run {now}"
        for name, entry in fresh.items()
        for environment in QUARTS
        for before, now in [(stored.get(name, {}).get(environment), entry[environment])]
        if before is None
        or before["lost"] != now["lost"]
        or abs(before["flask"] - now["flask"]) > SLACK * before["flask"]
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the extensions' own suites.")
    parser.add_argument("--check", action="store_true", help="fail where the record differs")
    parser.add_argument("--only", action="append", help="a suite's name, more than once for more")
    options = parser.parse_args()
    WORK.mkdir(exist_ok=True)
    asked = [suite for suite in suites() if not options.only or suite.name in options.only]
    chosen = [suite for suite in asked if suite.folder is not None]
    for suite in asked:
        if suite not in chosen:
            print(f"{suite.name}: its tests are not in UPSTREAM_FOLDER", file=sys.stderr)
    fresh = collect(chosen)
    stored = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    problems = unexplained(fresh)
    if options.check:
        problems += differences(fresh, stored)
    else:
        record = dict(sorted({**stored, **fresh}.items(), key=lambda item: item[0].lower()))
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
        table.write(record)
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
