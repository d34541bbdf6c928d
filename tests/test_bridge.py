"""The bridge's tests pass on every Python, and so on every Quart, that renders run on."""

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
    environment = str(tmp_path / "venv")
    subprocess.run([UV, "venv", "-q", "-p", find_python(python), environment], check=True)
    install = [UV, "pip", "install", "-q", "-p", environment, "-r", "requirements.lock"]
    subprocess.run(install, cwd=ROOT, check=True)
    done = subprocess.run(
        [f"{environment}/bin/pytest", "-q", "-p", "no:cacheprovider", "tests/bridge"],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
