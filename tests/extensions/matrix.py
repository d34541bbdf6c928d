"""Run the extension suite in every environment and write what came of it.

    python tests/extensions/matrix.py            run all, write docs/extensions.json and the tables
    python tests/extensions/matrix.py --check    run all, fail where the tables say something else
    python tests/extensions/matrix.py --only quart-0.23    print what fails in one

Needs uv, a Redis server (TEST_REDIS_URL, else localhost) and Pythons 3.11 and 3.13.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import results
import table

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LOG = "pytest.log"
RECORD = ROOT / "docs" / "extensions.json"


@dataclass(frozen=True)
class Environment:
    """A Python with a Quart, and the patch that is under test there."""

    name: str
    python: str
    quart: str
    patch: str

    @property
    def folder(self) -> Path:
        return HERE / ".envs" / self.name

    @property
    def interpreter(self) -> Path:
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def requirements(self) -> str:
        compared = self.patch == "quart_flask_patch"
        return "requirements-comparison.txt" if compared else "requirements.txt"


ENVIRONMENTS = [
    Environment("quart-0.22", "3.11", "quart==0.22.*", "flask_patch"),
    Environment("quart-0.23", "3.13", "quart==0.23.*", "flask_patch"),
    Environment("compared-0.22", "3.11", "quart==0.22.*", "quart_flask_patch"),
    Environment("compared-0.23", "3.13", "quart==0.23.*", "quart_flask_patch"),
    Environment("flask", "3.13", "quart==0.23.*", "flask"),
]


def uv(*arguments: str) -> None:
    """Run uv, from beside this Python or from the path."""
    beside = Path(sys.executable).with_name("uv")
    command = str(beside) if beside.exists() else shutil.which("uv")
    if command is None:
        raise SystemExit("uv is needed to make the environments: pip install uv")
    subprocess.run([command, *arguments], check=True)


def make(environment: Environment) -> None:
    """Make or update an environment."""
    if not environment.interpreter.exists():
        uv("venv", "--quiet", "--python", environment.python, str(environment.folder))
    python = ["--python", str(environment.interpreter)]
    requirements = str(HERE / environment.requirements)
    uv("pip", "install", "--quiet", *python, "-r", requirements, environment.quart)


def call(
    environment: Environment, *arguments: str, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run the environment's Python in the repository."""
    variables = {**os.environ, "PATCH": environment.patch, "PYTHONPATH": str(HERE)}
    variables["RESULTS"] = str(environment.folder / "results.jsonl")
    command = [str(environment.interpreter), *arguments]
    options = {"capture_output": True, "text": True, **options}
    return subprocess.run(command, cwd=ROOT, env=variables, check=False, **options)


def pytest(environment: Environment, *arguments: str) -> subprocess.CompletedProcess[str]:
    ini = str(HERE / "pytest.ini")
    return call(
        environment, "-m", "pytest", "-q", "--tb=short", "-c", ini, "-p", "results", *arguments
    )


def run(environment: Environment) -> dict[str, str]:
    """Run the suite in an environment; give each test's outcome."""
    file = environment.folder / "results.jsonl"
    file.unlink(missing_ok=True)
    if environment.patch != "quart_flask_patch":
        finished = pytest(environment, "-n", "2", str(HERE))
        print(finished.stdout.strip().rpartition("\n")[2], file=sys.stderr)
        (environment.folder / LOG).write_text(finished.stdout + finished.stderr)
    elif call(environment, "-c", "import quart_flask_patch").returncode == 0:
        modules = sorted(HERE.glob("test_*.py"))
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda module: run_what_may_hang(environment, module, file), modules))
    outcomes = results.read(file)
    broken = [module for module, outcome in outcomes.items() if outcome == "not collected"]
    if broken and environment.patch == "flask_patch":
        raise SystemExit(f"{environment.name}: {', '.join(broken)} cannot be imported, see {LOG}")
    return {test: outcome for test, outcome in outcomes.items() if test not in broken}


def run_what_may_hang(environment: Environment, module: Path, file: Path) -> None:
    """Run a module; where a test hangs (its process then ends itself), go on after it."""
    options = ["-W", "default", "-o", "timeout=8", "-o", "timeout_method=thread", str(module)]
    finished = pytest(environment, *options)
    while "+ Timeout +" in finished.stdout + finished.stderr:
        done = [test for test in results.read(file) if test.startswith(module.name)]
        finished = pytest(environment, *options, *(f"--deselect={test}" for test in done))


def versions(environment: Environment) -> dict[str, str]:
    """Give the versions of what is installed, by lower-case name."""
    code = (
        "import importlib.metadata as m, json, sys;"
        "print(json.dumps({d.name.lower(): d.version for d in m.distributions()}"
        "| {'python': sys.version.split()[0]}))"
    )
    installed: dict[str, str] = json.loads(call(environment, "-c", code).stdout)
    return installed


def collect(chosen: list[Environment]) -> dict[str, Any]:
    """Run the suite in each environment and sum it up by extension."""
    record: dict[str, Any] = {"environments": {}, "extensions": defaultdict(dict)}
    outcomes = {}
    for environment in chosen:
        print(f"{environment.name} …", file=sys.stderr)
        make(environment)
        outcomes[environment.name] = run(environment)
        installed = versions(environment)
        record["environments"][environment.name] = {
            name: installed[name]
            for name in ("python", "quart", "flask", "greenlet", "quart-flask-patch")
            if name in installed
        }
    tests = sorted(set().union(*outcomes.values()))
    for test in tests:
        title, _ = table.title_of(HERE / test.partition("::")[0])
        extension = record["extensions"][title]
        extension["version"] = installed[table.PACKAGES.get(title, title.lower())]
        extension["tests"] = extension.get("tests", 0) + 1
        for name, found in outcomes.items():
            outcome = found.get(test, "failed")
            result = extension.setdefault(name, {"passed": 0, "failed": []})
            if outcome == "passed":
                result["passed"] += 1
            elif outcome == "failed":
                result["failed"].append(test.partition("::")[2])
    return record


def counts(record: dict[str, Any], environments: list[str]) -> dict[str, Any]:
    """Give what the tables say: how many tests of which extension pass where."""
    return {
        title: (extension["tests"], *(extension[name]["passed"] for name in environments))
        for title, extension in record["extensions"].items()
    }


def check(fresh: dict[str, Any]) -> int:
    """Say where the tables differ from a fresh run; give the exit code."""
    stored = json.loads(RECORD.read_text())
    environments = list(fresh["environments"])
    before, now = counts(stored, environments), counts(fresh, environments)
    different = [title for title in {*before, *now} if before.get(title) != now.get(title)]
    for title in sorted(different):
        print(f"{title}: the table says {before.get(title)}, a fresh run {now.get(title)}")
    stale = [path for path, text in table.pages(stored).items() if path.read_text() != text]
    for path in stale:
        print(f"{path.relative_to(ROOT)} does not say what docs/extensions.json says")
    return 1 if different or stale else 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the extension suite in every environment.")
    parser.add_argument("--check", action="store_true", help="fail where the tables differ")
    parser.add_argument("--only", choices=[each.name for each in ENVIRONMENTS])
    options = parser.parse_args()
    fresh = collect([each for each in ENVIRONMENTS if options.only in (None, each.name)])
    if options.check:
        return check(fresh)
    if options.only:
        failed = [
            f"{title}: {test}"
            for title, extension in fresh["extensions"].items()
            for test in extension[options.only]["failed"]
        ]
        print("\n".join(failed) or "all pass")
        return 1 if failed else 0
    RECORD.write_text(json.dumps(fresh, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    for path, text in table.pages(fresh).items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
