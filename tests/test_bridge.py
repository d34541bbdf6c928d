"""The bridge's tests pass on every Python, and so Quart, of renders, and on each SQLAlchemy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from baking import PYTHONS, ROOT
from interpreters import UV, find_python

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
SOURCE = ROOT / "{{cookiecutter.project_slug}}" / "src" / "flask_patch"


# Between the oldest and the newest there is no other Quart: left to CI.
OTHERS = [
    pytest.param(version, marks=[pytest.mark.soak] if version in PYTHONS[1:-1] else [])
    for version in PYTHONS
    if version != RUNNING
]
ALL = ("tests/bridge",)
DATABASES = [f"tests/bridge/test_{name}.py" for name in ("databases", "database_leaks", "pools")]


def run_tests(python: str, *options: str, tests: Sequence[str] = ALL, **variables: str) -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, *options],
        cwd=ROOT,
        env=env | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Return the interpreter of an environment with what the bridge is tested with."""
    installed: dict[str, str] = {RUNNING: sys.executable}

    def install(python: str) -> str:
        if python not in installed:
            folder = str(tmp_path_factory.mktemp("bridge") / python)
            subprocess.run([UV, "venv", "-q", "-p", find_python(python), folder], check=True)
            command = [UV, "pip", "install", "-q", "-p", folder, "-r", "requirements.lock"]
            subprocess.run(command, cwd=ROOT, check=True)
            installed[python] = f"{folder}/bin/python"
        return installed[python]

    return install


@pytest.mark.slow
@pytest.mark.parametrize("python", OTHERS)
def test_bridge_passes_its_tests(python: str, install: Callable[[str], str]) -> None:
    run_tests(install(python))


@pytest.mark.slow
def test_bridge_waits_in_sqlalchemy_2_0(tmp_path: Path) -> None:
    folder = str(tmp_path / "venv")
    subprocess.run([UV, "venv", "-q", "-p", find_python(RUNNING), folder], check=True)
    for packages in (["-r", "requirements.lock"], ["sqlalchemy==2.0.*"]):
        command = [UV, "pip", "install", "-q", "-p", folder, *packages]
        subprocess.run(command, cwd=ROOT, check=True)
    run_tests(f"{folder}/bin/python", tests=DATABASES)


@pytest.mark.soak
@pytest.mark.parametrize("python", [PYTHONS[0], PYTHONS[-1]])
def test_bridge_passes_its_tests_without_the_line_that_hurries_connections(
    python: str, install: Callable[[str], str], tmp_path: Path
) -> None:
    copy = shutil.copytree(SOURCE, tmp_path / "flask_patch")
    entry = copy / "__init__.py"
    lines = entry.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("patch_connections()")]
    assert len(kept) == len(lines) - 1
    entry.write_text("".join(kept))
    run_tests(
        install(python), "--ignore=tests/bridge/test_connections.py", BRIDGE_SOURCE=str(tmp_path)
    )


OWNERS = """
from flask_limiter import Limiter
from flask_patch import Quart

limiter = Limiter(lambda: "everybody")

def create_app() -> Quart:
    app = Quart(__name__)
    limiter.init_app(app)

    @app.get("/")
    async def index() -> str:
        return "hello"

    return app
"""


def test_a_typed_extension_takes_the_app_in_a_strict_type_check(tmp_path: Path) -> None:
    (tmp_path / "owners.py").write_text(OWNERS)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "owners.py"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(SOURCE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
