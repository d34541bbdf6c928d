"""The render with Flask-Security passes the suite about it, with real mail and a real browser."""

from __future__ import annotations

import re

import pytest
from baking import PYTHONS, ROOT, Bake
from interpreters import UV, find_python

SUITE = ROOT / "tests" / "security"
PAGE = (
    ROOT
    / "{{cookiecutter.project_slug}}"
    / "docs"
    / "{% if cookiecutter.user_backend == 'security' %}security.md{% endif %}"
)
NEWER = [pytest.param(python, marks=pytest.mark.soak) for python in PYTHONS[1:]]


@pytest.mark.slow
@pytest.mark.parametrize("python", [PYTHONS[0], *NEWER])
def test_flask_security_passes_the_suite_about_it(python: str, bake: Bake) -> None:
    project = bake(user_backend="security")
    project.run(UV, "sync", "--quiet", "--python", find_python(python))
    tools = ("aiosmtpd", "playwright", "pytest-xdist")
    project.run(UV, "pip", "install", "--quiet", *tools)
    command = (project.path / ".venv/bin/pytest", "-q", "-rs", "-n", "2", SUITE)
    printed = project.run(*command, timeout=1800, env={"RENDER": str(project.path)}).stdout
    assert re.search(r"^\d+ passed", printed, re.M)
    if skipped := re.findall(r"^SKIPPED .*is not installed.*$", printed, re.M):
        pytest.skip(f"the rest passed; {' '.join(skipped)}")


def test_each_test_that_the_page_on_security_names_is_there() -> None:
    project = ROOT / "{{cookiecutter.project_slug}}" / "tests"
    files = [*SUITE.glob("test_*.py"), *project.iterdir()]
    texts = [file.read_text(encoding="utf-8") for file in files if ".py" in file.name]
    there = set(re.findall(r"def (test_\w+)", "".join(texts)))
    named = set(re.findall(r"`(?:tests/\w+\.py: )?(test_\w+)`", PAGE.read_text(encoding="utf-8")))
    assert len(named) > 20
    assert named <= there
