"""A render on a Python newer than this machine's: Debian sid's, in a folder of its own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from baking import Bake
from debian import make_system

pytestmark = pytest.mark.slow

PYTHON = "python3.14"


@pytest.fixture
def system(tmp_path: Path) -> Iterator[Path]:
    """The root folder of a minimal system with the newest Python."""
    root = tmp_path / "system"
    make_system(root, "sid", PYTHON, f"{PYTHON}-venv", "git")
    yield root
    shutil.rmtree(root)


def test_default_render_passes_its_suite_on_the_newest_python(bake: Bake, system: Path) -> None:
    project = bake()
    shutil.copytree(project.path, system / "srv" / "app")
    script = (
        f"set -e; cd /srv/app; {PYTHON} -m venv /venv; /venv/bin/pip install -q -e . --group dev; "
        "git init -q; /venv/bin/pytest -q; /venv/bin/mypy"
    )
    done = subprocess.run(
        ["chroot", system, "sh", "-c", script],
        env=project.env | {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
