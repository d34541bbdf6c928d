"""The template works with whatever renders it: Cookiecutter old and new, uvx, pipx and cruft."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from baking import OPTIONS, ROOT, copy_template

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
VERSIONS = {
    "oldest Cookiecutter": ["cookiecutter==2.6.0"],
    "newest Cookiecutter": ["cookiecutter"],
    "with jinja2-time": ["cookiecutter", "jinja2-time"],
}


def run(*command: str | Path, cwd: Path, stdin: str = "", **env: str) -> str:
    """Run a command that must succeed and return what it printed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | env,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody."""
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]
    return run("git", *who, *arguments, cwd=folder)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository of the template as it is now."""
    folder = tmp_path / "template"
    copy_template(folder)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=Start")
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration that keeps Cookiecutter out of the home folder; `gh:` is on this machine."""
    file = tmp_path / "config.yaml"
    keys = {
        "cookiecutters_dir": str(tmp_path / "cookiecutters"),
        "replay_dir": str(tmp_path / "replay"),
        "abbreviations": {"gh": f"file://{tmp_path}/hub/{{0}}.git"},
    }
    file.write_text(json.dumps(keys), encoding="utf-8")
    return file


def uvx(*packages: str) -> list[str | Path]:
    """Return the command that runs Cookiecutter from an environment of these packages only."""
    first, *others = packages
    extra = [word for package in others for word in ("--with", package)]
    return [BIN / "uv", "tool", "run", "--isolated", "--from", first, *extra, "cookiecutter"]


@pytest.mark.parametrize("packages", VERSIONS.values(), ids=list(VERSIONS))
def test_gh_address_renders_and_the_year_is_there(
    packages: list[str], repository: Path, config: Path, tmp_path: Path
) -> None:
    hub = tmp_path / "hub" / "org" / "template.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(repository), str(hub))
    command = [*uvx(*packages), "gh:org/template", "--no-input", "--config-file", config]
    run(*command, cwd=tmp_path)
    project = tmp_path / "my_quart_app"
    year = run("date", "-u", "+%Y", cwd=tmp_path).strip()
    licence = (project / "LICENSE").read_text(encoding="utf-8")
    assert licence.splitlines()[2] == f"Copyright (c) {year} Your Name"
    assert (project / ".env").is_file()


@pytest.mark.parametrize(
    ("packages", "source"),
    [(["cookiecutter"], "cookiecutter.extensions"), (VERSIONS["with jinja2-time"], "jinja2_time")],
    ids=["without jinja2-time", "with jinja2-time"],
)
def test_now_tag_is_that_of_jinja2_time_where_it_is_installed(
    packages: list[str], source: str
) -> None:
    script = "from hooks.extensions import TimeExtension as t; print(t.__module__)"
    command: list[str | Path] = [*uvx(*packages)[:-1], "python", "-c", script]
    assert run(*command, cwd=ROOT).strip().partition(".")[0] == source.partition(".")[0]


def test_pipx_renders(config: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [BIN / "pipx", "run", "--no-cache", "cookiecutter", str(ROOT)]
    command += ["--no-input", "--config-file", config]
    run(*command, cwd=tmp_path, PIPX_HOME=str(tmp_path / "pipx"))
    assert (tmp_path / "my_quart_app" / ".env").is_file()


def test_prompts_are_for_people(config: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [BIN / "cookiecutter", str(ROOT), "--config-file", config]
    asked = run(*command, cwd=tmp_path, stdin="Chat Room\n" + "\n" * 5 + "2\n")
    prompts = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))["__prompts__"]
    plain = re.sub(r"\s+", " ", asked)
    for option, prompt in prompts.items():
        for line in prompt.values() if option in OPTIONS else [prompt]:
            assert line in plain
    assert "memory" in (tmp_path / "chat_room" / "README.md").read_text(encoding="utf-8")


def test_path_for_a_slug_is_refused_without_a_traceback(config: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [
        BIN / "cookiecutter",
        str(ROOT),
        "--config-file",
        config,
        "--no-input",
    ]
    done = subprocess.run(
        [*command, "project_slug=a/b"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    accepted = "accepted is a lower-case ASCII identifier such as my_app."
    assert done.stdout + done.stderr == f"project_slug is 'a/b'; {accepted}\n"
    assert not (tmp_path / "a").exists()


def test_cruft_creates_and_updates_and_leaves_the_env_alone(
    repository: Path, config: Path, tmp_path: Path
) -> None:
    cruft: list[str | Path] = [BIN / "uvx", "--quiet", "cruft"]  # as the README has it
    run(
        *cruft,
        "create",
        f"file://{repository}",
        "--no-input",
        "--config-file",
        config,
        cwd=tmp_path,
    )
    project = tmp_path / "my_quart_app"
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=Start")
    env = (project / ".env").read_bytes()
    tracked = git(project, "ls-files").split()
    assert ".cruft.json" in tracked
    assert ".env" not in tracked

    ignored = repository / "{{cookiecutter.project_slug}}" / ".gitignore"
    ignored.write_text(ignored.read_text(encoding="utf-8") + "*.orig\n", encoding="utf-8")
    git(repository, "commit", "--quiet", "--all", "--message=Ignore leftovers")
    run(*cruft, "update", "--skip-apply-ask", cwd=project)
    assert (project / ".gitignore").read_text(encoding="utf-8").endswith("*.orig\n")
    assert (project / ".env").read_bytes() == env
