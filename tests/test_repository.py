"""The repository passes the checks that it asks of its renders."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from baking import ROOT, template_files

BIN = Path(sys.executable).parent
TESTS = sorted((ROOT / "tests").glob("*.py"))
CHECKS = {
    "ruff check": ["ruff", "check", "--no-cache"],
    "ruff format": ["ruff", "format", "--check", "--no-cache"],
    "mypy": ["mypy", "hooks", *map(str, TESTS)],
    "bandit": ["bandit", "-q", "-r", "hooks"],
    "zizmor": ["zizmor", "--offline", "--quiet", ".github"],
}


@pytest.mark.parametrize("check", CHECKS)
def test_check_finds_nothing(check: str) -> None:
    program, *arguments = CHECKS[check]
    done = subprocess.run(
        [BIN / program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_contributing_fits_on_a_screen() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) < 40


def test_changelog_has_what_is_unreleased_and_then_versions_newest_first() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    found = [re.fullmatch(r"(\d+)\.(\d+)\.(\d+) - (\d{4}-\d\d-\d\d)", one) for one in headings[1:]]
    releases = [(*map(int, one.groups()[:3]), one[4]) for one in found if one]
    assert len(releases) == len(headings) - 1 >= 1
    assert releases == sorted(releases, reverse=True)


def test_lock_names_no_server_and_pins_by_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?:|--index|--find-links", lock)
    pinned = re.findall(r"^[\w.\[\]-]+==\S+.*\\\n    --hash=sha256:", lock, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^\w", lock, re.MULTILINE))


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    for name in template_files():
        if not name.endswith((".png", ".svg")):
            text = (ROOT / name).read_text(encoding="utf-8")
            assert not re.search(r"/(root|work|home/\w+)/", text), name
