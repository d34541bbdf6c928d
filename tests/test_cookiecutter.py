"""The template works with whatever renders it: Cookiecutter old and new, uvx, pipx and cruft."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

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
    asked = run(*command, cwd=tmp_path, stdin="Chat Room\n" + "\n" * 5 + "2\n\n")
    prompts = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))["__prompts__"]
    plain = re.sub(r"\s+", " ", asked)
    for option, prompt in prompts.items():
        for line in prompt.values() if option in OPTIONS else [prompt]:
            assert line in plain
    assert "memory" in (tmp_path / "chat_room" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (["project_slug=a/b"], "project_slug is 'a/b'; accepted is a lower-case ASCII identifier "),
        (["project_slug=class"], "project_slug is 'class'; accepted is a name "),
        (["user_backend=memory", "deployment=compose"], "deployment is 'compose'; accepted is "),
    ],
)
def test_refusal_is_one_line_without_a_traceback(
    answers: list[str], words: str, config: Path, tmp_path: Path
) -> None:
    command: list[str | Path] = [
        BIN / "cookiecutter",
        str(ROOT),
        "--config-file",
        config,
        "--no-input",
    ]
    done = subprocess.run(
        [*command, *answers], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).splitlines()
    assert line.startswith(words)
    assert list(tmp_path.glob("*/")) == []


@dataclass
class Updated:
    """A project of cruft's with its owner's work in it, and the template, which goes on."""

    template: Path
    path: Path
    kept: dict[str, bytes]
    secrets: list[str]

    def cruft(self, *command: str, code: int = 0) -> str:
        """Run cruft in the project."""
        done = subprocess.run(
            [*CRUFT, *command], cwd=self.path, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def assert_kept(self) -> None:
        """See that what is the owner's alone is as it was, and the secrets are nowhere else."""
        for name, content in self.kept.items():
            assert (self.path / name).read_bytes() == content, name
        for file in self.path.rglob("*"):
            if file.is_file() and file.name != ".env" and ".git" not in file.parts:
                assert not any(secret.encode() in file.read_bytes() for secret in self.secrets)


CRUFT: list[str | Path] = [BIN / "uvx", "--quiet", "cruft"]  # as the README has it
OWNERS = {
    "app/migrations/versions/0002_add_notes.py": """
        \"\"\"Add notes.\"\"\"

        revision, down_revision = "0002", "0001"
    """,
    "app/notes.py": "NOTES = 1\n",
}
EDITS = [
    ("src/app/pages.py", '    """Greet who has logged in."""', '    """Greet the owner\'s way."""'),
    (
        "src/app/models.py",
        "    __tablename__ = ",
        "    # The owner's column.\n    __tablename__ = ",
    ),
    ("README.md", "## Find your way", "## Our house rules\n\nBe kind.\n\n## Find your way"),
]
NEWER = [
    # Where the owner has changed the same line, where the owner has changed another, and elsewhere.
    ("pages.py", '    """Greet who has logged in."""', '    """Greet the template\'s way."""'),
    ("README.md", "## Settings\n", "## All settings\n"),
    ("audit.py", '"""The audit log:', '"""The newer audit log:'),
    (".env.example", "ENVIRONMENT=development\n", "ENVIRONMENT=development\nNEWER=1\n"),
    (".gitignore", "*.rej\n", "*.rej\n*.orig\n"),
]


def edit(file: Path, former: str, new: str) -> None:
    """Change a line of a file."""
    text = file.read_text(encoding="utf-8")
    assert former in text, file
    file.write_text(text.replace(former, new, 1), encoding="utf-8")


@pytest.fixture
def owned(repository: Path, config: Path, tmp_path: Path) -> Updated:
    """A project, made by cruft, whose owner has added a table and changed pages."""
    where = (f"file://{repository}", "--no-input", "--config-file", config)
    extra = ("--extra-context", json.dumps({"project_slug": "app"}))
    run(*CRUFT, "create", *where, *extra, cwd=tmp_path)
    project = tmp_path / "app"
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=Start")
    for name, text in OWNERS.items():
        (project / "src" / name).write_text(dedent(text).lstrip(), encoding="utf-8")
    for name, former, new in EDITS:
        edit(project / name, former, new)
    (project / "instance").mkdir()
    with closing(sqlite3.connect(project / "instance" / "app.db")) as database:
        database.execute("CREATE TABLE notes (text)")
    with (project / ".env").open("a") as env:
        env.write("GREETING=Hello\n")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=Our own")
    names = [".env", "instance/app.db", *(f"src/{name}" for name in OWNERS)]
    kept = {name: (project / name).read_bytes() for name in names}
    values = re.findall(r"^\w+=(\S{16,})$", kept[".env"].decode(), re.MULTILINE)
    assert values
    return Updated(repository, project, kept, values)


def test_cruft_updates_a_project_and_leaves_what_is_its_owners(owned: Updated) -> None:
    assert {".cruft.json", *(f"src/{name}" for name in OWNERS)} <= {
        *git(owned.path, "ls-files").split()
    }
    owned.cruft("check")
    differing = owned.cruft("diff")
    assert "Be kind." in differing
    assert not any(secret in differing for secret in owned.secrets)

    for name, former, new in NEWER:
        (file,) = (owned.template / "{{cookiecutter.project_slug}}").rglob(name)
        edit(file, former, new)
    git(owned.template, "commit", "--quiet", "--all", "--message=Go on")
    owned.cruft("check", code=1)
    told = owned.cruft("update", "--skip-apply-ask")
    owned.assert_kept()
    assert "with conflicts" in told
    for name, _former, new in EDITS:
        assert new in (owned.path / name).read_text(encoding="utf-8")
    text = {name: next(owned.path.rglob(name)).read_text(encoding="utf-8") for name, *_ in NEWER}
    for name, _former, new in NEWER:
        assert new in text[name]
    # Both sides of the one conflict, and nothing else to merge.
    assert re.search(
        "<<<<<<<.*owner's way.*=======.*template's way.*>>>>>>>", text["pages.py"], re.S
    )
    status = git(owned.path, "status", "--porcelain").splitlines()
    assert [line for line in status if line[0] == "U" or line[:2] == "??"] == [
        "UU src/app/pages.py"
    ]
    assert list(owned.path.rglob("*.rej")) == []
    owned.cruft("check")


def render_default(repository: Path, config: Path, folder: Path, *options: str) -> Path:
    """Render with Cookiecutter's own command and default answers; return the project."""
    command: list[str | Path] = [BIN / "cookiecutter", repository, "--no-input"]
    run(*command, "--config-file", config, *options, cwd=folder)
    return folder / "my_quart_app"


def test_project_of_cookiecutter_is_linked_and_updated(
    repository: Path, config: Path, tmp_path: Path
) -> None:
    project = render_default(repository, config, tmp_path)
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "add", "--all")
    run(*CRUFT, "link", f"file://{repository}", "--no-input", "--config-file", config, cwd=project)
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=Start")
    (file,) = (repository / "{{cookiecutter.project_slug}}").rglob("audit.py")
    edit(file, '"""The audit log:', '"""The newer audit log:')
    git(repository, "commit", "--quiet", "--all", "--message=Go on")
    run(*CRUFT, "update", "--skip-apply-ask", cwd=project)
    assert "The newer audit log" in (project / "src/accounts/audit.py").read_text(encoding="utf-8")


def test_rendering_over_a_project_overwrites_what_is_copied(
    repository: Path, config: Path, tmp_path: Path
) -> None:
    project = render_default(repository, config, tmp_path)
    rendered, copied = project / "README.md", project / "src/my_quart_app/pages.py"
    for file in (rendered, copied):
        file.write_text("The owner's.\n", encoding="utf-8")
    env = (project / ".env").read_bytes()
    over = ("--overwrite-if-exists", "--skip-if-file-exists")
    render_default(repository, config, tmp_path, *over)
    assert (project / ".env").read_bytes() == env
    assert rendered.read_text(encoding="utf-8") == "The owner's.\n"
    # As the README warns of: should Cookiecutter mend it, the warning can go.
    assert copied.read_text(encoding="utf-8") != "The owner's.\n"
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert "`--skip-if-file-exists`" in readme
