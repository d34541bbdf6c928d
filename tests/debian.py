"""Minimal Debian systems in folders, which reach the package index as this machine does."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

# What pip needs to reach its index as it does on this machine.
NETWORK = ("etc/pip.conf", "etc/xdg/pip", "etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt")


def make_system(root: Path, suite: str, *packages: str) -> None:
    """Install a release of Debian with these packages, or skip the test."""
    if not shutil.which("mmdebstrap") or os.geteuid():
        pytest.skip("mmdebstrap is not installed, or not run as root")
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    mirror = next(site for site in targets if "security" not in site)
    # A mirror may be behind, and its signatures too old for that: nothing here is kept.
    options = ["--quiet", "--variant=apt", '--aptopt=Acquire::Check-Valid-Until "false"']
    included = f"--include={','.join(('ca-certificates', *packages))}"
    source = f"deb [trusted=yes] {mirror} {suite} main"
    subprocess.run(["mmdebstrap", *options, included, suite, root, source], check=True)
    for name in NETWORK:
        given = Path("/") / name
        if given.exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if given.is_dir() else shutil.copy
            copy(given, root / name)
