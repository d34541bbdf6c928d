"""Bake the template with pytest-cookies."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from baking import COMBINATIONS, Bake, BakedProject, combination_id, copy_template

# Suites of their own, which take minutes: begun last, they would keep one worker waiting.
FIRST = (
    "test_login_passes_its_own_suite_on_every_service",
    "test_bridge_passes_its_tests",
    "test_owner_of_a_database_follows_every_recipe",
)

# The bridge is imported from the template, and Cookiecutter would copy the bytecode.
sys.dont_write_bytecode = True


def pytest_configure(config: pytest.Config) -> None:
    """Bake from a clean copy of the template."""
    folder = tempfile.TemporaryDirectory(prefix="template-")
    config.add_cleanup(folder.cleanup)
    copy_template(Path(folder.name))
    config.option.template = folder.name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: getattr(item, "originalname", "") not in FIRST)


@pytest.fixture
def bake(cookies: Any) -> Bake:
    """Render the template with these answers, the rest by default."""

    def bake(**answers: str) -> BakedProject:
        result = cookies.bake(extra_context=answers)
        if result.exception:
            raise result.exception
        return BakedProject(result.project_path, result.context)

    return bake


@pytest.fixture(scope="session")
def bake_session(cookies_session: Any) -> Bake:
    """Render a project that several tests share and none changes."""
    baked: dict[str, BakedProject] = {}

    def bake(**answers: str) -> BakedProject:
        key = json.dumps(answers, sort_keys=True)
        if key not in baked:
            result = cookies_session.bake(extra_context=answers)
            if result.exception:
                raise result.exception
            baked[key] = BakedProject(result.project_path, result.context)
        return baked[key]

    return bake


@pytest.fixture(params=COMBINATIONS, ids=combination_id)
def project(request: pytest.FixtureRequest, bake_session: Bake) -> BakedProject:
    """Each combination of choices in turn, rendered."""
    return bake_session(**request.param)
