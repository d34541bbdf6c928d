"""The Pythons of this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

UV = str(Path(sys.executable).parent / "uv")


def find_python(version: str) -> str:
    """Return the interpreter of a version, or skip the test."""
    found = subprocess.run(
        [UV, "python", "find", version], capture_output=True, text=True, check=False
    )
    if found.returncode:
        pytest.skip(f"Python {version} is not installed")
    return found.stdout.strip()
