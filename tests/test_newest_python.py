"""A render on a Python newer than this machine's: Debian sid's, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from baking import Bake

pytestmark = pytest.mark.slow

PYTHON = "python3.14"
# What pip needs to reach its index as it does on this machine.
NETWORK = ("etc/pip.conf", "etc/xdg/pip", "etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt")


@pytest.fixture
def system(tmp_path: Path) -> Iterator[Path]:
    """The root folder of a minimal system with the newest Python."""
    if not shutil.which("mmdebstrap") or os.geteuid():
        pytest.skip("mmdebstrap is not installed, or not run as root")
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    mirror = next(site for site in targets if "security" not in site)
    root = tmp_path / "system"
    # A mirror may be behind, and its signatures too old for that: nothing here is kept.
    options = ["--quiet", "--variant=apt", '--aptopt=Acquire::Check-Valid-Until "false"']
    packages = f"--include={PYTHON},{PYTHON}-venv,ca-certificates,git"
    source = f"deb [trusted=yes] {mirror} sid main"
    subprocess.run(["mmdebstrap", *options, packages, "sid", root, source], check=True)
    for name in NETWORK:
        given = Path("/") / name
        if given.exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if given.is_dir() else shutil.copy
            copy(given, root / name)
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
