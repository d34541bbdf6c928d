"""Every render reads as if written by hand for its answers."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from baking import ANSWERS, OPTIONS, ROOT, BakedProject, pairwise, template_files

LICENSE_LINES = {
    "MIT": "Permission is hereby granted, free of charge",
    "BSD-3-Clause": "Redistribution and use in source and binary forms",
    "Apache-2.0": "Version 2.0, January 2004",
    "Proprietary": "All rights reserved",
}


def test_pairwise_combinations_hold_every_pair() -> None:
    options = {"a": ["1", "2", "3"], "b": ["1", "2"], "c": ["1", "2"]}
    combinations = pairwise(options)
    assert {(c["a"], c["b"]) for c in combinations} == {(a, b) for a in "123" for b in "12"}
    assert {(c["b"], c["c"]) for c in combinations} == {(b, c) for b in "12" for c in "12"}
    assert {(c["a"], c["c"]) for c in combinations} == {(a, c) for a in "123" for c in "12"}
    assert len(combinations) < 12


def test_no_template_residue_is_left(project: BakedProject) -> None:
    for name, text in project.files().items():
        assert not re.search(r"[{}%]|cookiecutter", name)
        assert "cookiecutter" not in text.lower(), name
        if not name.endswith((".html", ".py")):
            assert not re.search(r"(?<!\$)\{\{|\{%|\{#", text), name


def test_text_is_tidy(project: BakedProject) -> None:
    for name, text in project.files().items():
        assert text == "" or text.endswith("\n"), name
        assert not text.endswith("\n\n"), name
        assert not re.search(r"[ \t]$", text, re.MULTILINE), name
        if not name.endswith((".mako", ".py")):
            assert "\n\n\n" not in text.replace(project.read("LICENSE"), ""), name


def test_no_folder_is_empty(project: BakedProject) -> None:
    folders = [path for path in project.path.rglob("*") if path.is_dir()]
    assert [folder for folder in folders if not any(folder.iterdir())] == []


def test_toml_and_yaml_files_parse(project: BakedProject) -> None:
    parsed = 0
    for name, text in project.files().items():
        if name.endswith(".toml") or name == "Pipfile":
            tomllib.loads(text)
            parsed += 1
        if name.endswith((".yml", ".yaml")):
            yaml.safe_load(text)
            parsed += 1
    assert parsed >= 3


@pytest.mark.parametrize("command", [["check"], ["format", "--check", "--diff"]], ids="-".join)
def test_ruff_finds_nothing(project: BakedProject, command: list[str]) -> None:
    project.run(sys.executable, "-m", "ruff", *command, "--no-cache", ".")


def test_bandit_finds_nothing(project: BakedProject) -> None:
    project.run(sys.executable, "-m", "bandit", "-q", "-r", "src")


def test_zizmor_finds_nothing(project: BakedProject) -> None:
    zizmor = Path(sys.executable).parent / "zizmor"
    project.run(zizmor, "--offline", "--quiet", ".github/workflows")


def test_hadolint_finds_nothing(project: BakedProject) -> None:
    project.run(Path(sys.executable).parent / "hadolint", "Dockerfile")


def test_license_is_the_chosen_one_with_this_year(project: BakedProject) -> None:
    text = project.read("LICENSE")
    chosen = project.answers["license"]
    assert [name for name, line in LICENSE_LINES.items() if line in text] == [chosen]
    year = dt.datetime.now(dt.UTC).year
    assert re.search(rf"Copyright (\(c\) )?{year},? {project.answers['author_name']}", text)
    spdx = tomllib.loads(project.read("pyproject.toml"))["project"]["license"]
    assert spdx.removeprefix("LicenseRef-") == chosen


def test_every_license_choice_is_known_to_these_tests() -> None:
    assert list(LICENSE_LINES) == OPTIONS["license"]


def test_render_holds_one_user_backend(project: BakedProject) -> None:
    modules = [path.name for path in (project.path / "src" / project.slug / "users").iterdir()]
    assert modules.count("backend.py") == 1


def test_memory_render_does_not_mention_the_database(project: BakedProject) -> None:
    if project.answers["user_backend"] != "memory":
        assert "sqlalchemy" in project.read("pyproject.toml")
        return
    for name in ("pyproject.toml", "README.md", ".env.example", "Dockerfile", "Pipfile"):
        assert not re.search("sqlalchemy|alembic|sqlite|postgres|migrat", project.read(name), re.I)
    assert not list(project.path.rglob("migrations"))


def test_modules_are_short_enough_to_read(project: BakedProject) -> None:
    for path in (project.path / "src").rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) < 200, path.name


def test_python_files_of_the_template_hold_no_jinja() -> None:
    for name in template_files():
        if name.startswith("{{") and name.endswith(".py"):
            text = (ROOT / name).read_text(encoding="utf-8")
            assert "cookiecutter" not in text, name


def test_readme_table_lists_every_option_and_choice() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for option in ANSWERS["__prompts__"]:
        row = re.search(rf"^\| `{option}` \|.*$", readme, re.MULTILINE)
        assert row, option
        for choice in OPTIONS.get(option, []):
            assert f"`{choice}`" in row[0]


def test_git_sees_no_generated_file(project: BakedProject) -> None:
    for name in (".venv/x", "instance/app.db", ".env", "src/x/__pycache__/x.pyc", ".coverage"):
        ignored = subprocess.run(
            ["git", "-c", "core.excludesFile=", "check-ignore", "--no-index", "-q", name],
            cwd=project.path,
            env=project.env | {"GIT_CEILING_DIRECTORIES": "/"},
            check=False,
        )
        assert ignored.returncode in (0, 128), name


def test_readme_names_files_and_settings_that_exist(project: BakedProject) -> None:
    readme = project.read("README.md")
    for link in re.findall(r"\]\((?!http)([^)]+)\)", readme):
        assert (project.path / link).is_file(), link
    for setting in re.findall(r"`([A-Z][A-Z_]{5,})[=`]", readme):
        assert f"{setting}=" in project.read(".env.example"), setting
    for module in re.findall(r"`((?:tests/|users/)?\w+\.py)`", readme):
        folder = (
            project.path if module.startswith("tests/") else project.path / "src" / project.slug
        )
        assert (folder / module).is_file(), module
