"""The README's commands work pasted into a shell in a fresh clone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from baking import ROOT, copy_template
from interpreters import UV
from visitor import assert_login_works, free_port, serve

pytestmark = pytest.mark.slow

MARKED = re.compile(r"^<!-- command: (\w+) -->\n```sh\n(.+?)\n```$", re.MULTILINE | re.DOTALL)
COMMANDS: dict[str, str] = dict(MARKED.findall((ROOT / "README.md").read_text("utf-8")))


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine with git, Python and the usual commands, nothing else."""
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    home = tmp_path / "home"
    home.mkdir()
    cache = subprocess.run([UV, "cache", "dir"], capture_output=True, text=True, check=True)
    network = ("PIP_", "UV_", "SSL_CERT", "REQUESTS_", "HTTP_", "HTTPS_", "NO_PROXY")
    kept = {key: value for key, value in os.environ.items() if key.upper().startswith(network)}
    return kept | {
        "PATH": f"{commands}:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(tmp_path),
        "UV_CACHE_DIR": cache.stdout.strip(),
    }


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone of the repository as it is now."""
    source = tmp_path / "source"
    copy_template(source)
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "Start"]):
        subprocess.run(["git", *who, *command], cwd=source, check=True)
    folder = tmp_path / "fresh clone"
    subprocess.run(["git", "clone", "-q", source, folder], check=True)
    return folder


def test_commands_are_one_line_each() -> None:
    assert COMMANDS.keys() == {"try", "test"}
    assert all("\n" not in command for command in COMMANDS.values())


def test_command_to_try_renders_and_serves(clone: Path, machine: dict[str, str]) -> None:
    port = free_port()
    command = COMMANDS["try"].replace("quart run)", f"quart run --port {port})")
    assert command != COMMANDS["try"]
    with serve(clone, "sh", "-c", command, port=port, env=machine, patience=300) as url:
        printed = (clone / f"server-{port}.log").read_text()
        password = re.search(r"^Password: (.+)$", printed, re.MULTILINE)
        assert password, printed
        assert_login_works(url, "demo", password[1])


def test_command_to_test_finds_every_test(clone: Path, machine: dict[str, str]) -> None:
    done = subprocess.run(
        ["sh", "-c", COMMANDS["test"]],
        cwd=clone,
        env=machine | {"PYTEST_ADDOPTS": "--collect-only -q"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tests/test_readme.py::test_command_to_test_finds_every_test" in done.stdout
