"""What the hooks do by themselves."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from baking import OPTIONS, ROOT, Bake, template_files
from cookiecutter.main import cookiecutter

from hooks import post_gen_project, pre_gen_project

ANSWERS = {
    "project_name": "My App",
    "project_slug": "my_app",
    "description": "An app",
    "author_name": "Ann",
    "author_email": "ann@example.com",
    "user_backend": "sql",
    "deployment": "container",
}
TEXTS = [name for name in ANSWERS if name not in OPTIONS]


def settings(env: Path) -> dict[str, str]:
    """Return the settings of an env file."""
    lines = env.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def test_good_answers_have_no_problem() -> None:
    assert pre_gen_project.problem(ANSWERS) is None


@pytest.mark.parametrize("name", TEXTS)
def test_problem_names_the_answer(name: str) -> None:
    found = pre_gen_project.problem(ANSWERS | {name: "\a"})
    assert found
    assert found[0] == name


@pytest.mark.parametrize("deployment", ["compose", "kubernetes"])
def test_users_in_memory_of_several_processes_are_refused(deployment: str) -> None:
    found = pre_gen_project.problem(ANSWERS | {"user_backend": "memory", "deployment": deployment})
    assert found == ("deployment", "container where users live in memory")


def test_env_gets_fresh_secrets_and_keeps_the_rest(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text(
        "# why\nSECRET_KEY=\nSECRET_KEY_FALLBACKS=\nDEMO_PASSWORD=\nDEBUG=0\n# SECRET_KEY=\n"
    )
    post_gen_project.write_env(tmp_path)
    text = (tmp_path / ".env").read_text()
    values = settings(tmp_path / ".env")
    assert text.startswith("# why\nSECRET_KEY=")
    assert text.endswith("\nDEBUG=0\n# SECRET_KEY=\n")
    assert values["SECRET_KEY_FALLBACKS"] == ""
    assert len(values["SECRET_KEY"]) == 86
    assert len(values["DEMO_PASSWORD"]) == 22


def test_env_of_a_crlf_checkout_gets_its_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_bytes(b"SECRET_KEY=\r\nDEBUG=0\r\n")
    post_gen_project.write_env(tmp_path)
    assert len(settings(tmp_path / ".env")["SECRET_KEY"]) == 86


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_env_is_for_its_owner_only_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    (tmp_path / ".env.example").write_text("SECRET_KEY=\n")
    before = os.umask(umask)
    try:
        post_gen_project.write_env(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_env_that_is_a_dangling_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("SECRET_KEY=\n")
    (tmp_path / ".env").symlink_to(tmp_path / "elsewhere")
    post_gen_project.write_env(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_rendering_again_keeps_the_env(tmp_path: Path) -> None:
    def render() -> str:
        project = cookiecutter(
            str(ROOT),
            no_input=True,
            output_dir=str(tmp_path),
            overwrite_if_exists=True,
            default_config=True,
        )
        return (Path(project) / ".env").read_text(encoding="utf-8")

    assert render() == render()


def test_two_renders_have_different_keys(bake: Bake) -> None:
    first, second = bake(), bake()
    assert (
        settings(first.path / ".env")["SECRET_KEY"] != settings(second.path / ".env")["SECRET_KEY"]
    )


def test_no_tracked_file_holds_the_key(bake: Bake) -> None:
    project = bake(user_backend="memory")
    project.run("git", "init", "-q")
    project.run("git", "add", "-A")
    tracked = project.run("git", "ls-files").stdout.split()
    assert ".env.example" in tracked
    assert ".env" not in tracked
    values = settings(project.path / ".env")
    everything = "".join(project.read(name) for name in tracked)
    assert values["SECRET_KEY"] not in everything
    assert values["DEMO_PASSWORD"] not in everything


def test_hooks_print_the_next_steps_and_no_secret(
    bake: Bake, capfd: pytest.CaptureFixture[str]
) -> None:
    project = bake(user_backend="memory")
    printed = capfd.readouterr().out
    assert f"cd {project.path}\n" in printed
    steps = re.findall(r"^  (.+)", printed, re.MULTILINE)
    commands = [step.partition("  # ")[0] for step in steps]
    with_pip = "python3 -m venv .venv && .venv/bin/pip install -e ."
    assert commands[1:] == ["git init", "grep DEMO_ .env", "uv run quart run", with_pip]
    assert "uv run quart run  # http://localhost:5000\n" in printed
    assert "uv.lock" in printed
    # The README says the same, and other tests do it.
    assert f"`{with_pip.replace('python3', 'python')} &&" in project.read("README.md")
    values = settings(project.path / ".env")
    assert values["SECRET_KEY"] not in printed
    assert values["DEMO_PASSWORD"] not in printed


@pytest.mark.parametrize(
    ("backend", "first"),
    [
        ("ldap", ["# .env: write at LDAP_", "uv run quart users check", "uv run quart run"]),
        ("oidc", ["# your provider: ", "# .env: write at OIDC_", "uv run quart users check"]),
        ("security", ["# the next command prints the mail ", "uv run quart run"]),
    ],
)
def test_next_steps_begin_with_what_comes_first(
    backend: str, first: list[str], bake: Bake, capfd: pytest.CaptureFixture[str]
) -> None:
    project = bake(user_backend=backend)
    steps = re.findall(r"^  (.+)", capfd.readouterr().out, re.MULTILINE)[2:]
    for step, begin in zip(steps, first, strict=False):
        assert step.startswith(begin)
    for word in re.findall(r"at (\w+)\.\.\.|(/login/company/callback)", "\n".join(steps)):
        assert "".join(word) in project.read(".env.example")


@pytest.mark.parametrize("hook", ["pre_gen_project.py", "post_gen_project.py"])
def test_hooks_need_only_the_standard_library_and_are_short(hook: str, tmp_path: Path) -> None:
    source = ROOT / "hooks" / hook
    subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import runpy; runpy.run_path({str(source)!r})"],
        check=True,
        cwd=tmp_path,
    )
    assert len(source.read_text(encoding="utf-8").splitlines()) < 40


def test_template_works_from_a_crlf_checkout_in_a_path_with_spaces(tmp_path: Path) -> None:
    template = tmp_path / "my templates" / "the template"
    for name in template_files():
        copy = template / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    output = tmp_path / "my projects"
    output.mkdir()
    project = Path(
        cookiecutter(str(template), no_input=True, output_dir=str(output), default_config=True)
    )
    assert len(settings(project / ".env")["SECRET_KEY"]) == 86
