"""The bridge's tests pass on every Python, and so Quart, of renders, and on each SQLAlchemy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from baking import PYTHONS, ROOT
from interpreters import UV, find_python

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.slow
@pytest.mark.parametrize("python", [version for version in PYTHONS if version != RUNNING])
def test_bridge_passes_its_tests(python: str, tmp_path: Path) -> None:
    run_bridge_tests(tmp_path, python, "tests/bridge")


@pytest.mark.slow
def test_bridge_waits_in_sqlalchemy_2_0(tmp_path: Path) -> None:
    tests = [f"tests/bridge/test_{name}.py" for name in ("databases", "database_leaks", "pools")]
    run_bridge_tests(tmp_path, RUNNING, *tests, package="sqlalchemy==2.0.*")


def run_bridge_tests(tmp_path: Path, python: str, *tests: str, package: str = "") -> None:
    environment = str(tmp_path / "venv")
    subprocess.run([UV, "venv", "-q", "-p", find_python(python), environment], check=True)
    install = [UV, "pip", "install", "-q", "-p", environment, "-r", "requirements.lock"]
    subprocess.run(install, cwd=ROOT, check=True)
    if package:
        subprocess.run([UV, "pip", "install", "-q", "-p", environment, package], check=True)
    done = subprocess.run(
        [f"{environment}/bin/pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
