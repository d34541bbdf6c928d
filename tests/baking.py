"""The template's answers, and what a render is to the tests."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hooks import pre_gen_project

ROOT = Path(__file__).parent.parent
ANSWERS: dict[str, Any] = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
TEXTS = [key for key, value in ANSWERS.items() if isinstance(value, str) and key[0] != "_"]
OPTIONS = {
    key: value
    for key, value in ANSWERS.items()
    if isinstance(value, list) and not key.startswith("_")
}
PYTHONS = ["3.11", "3.12", "3.13"]


def is_accepted(choices: dict[str, str]) -> bool:
    """Return whether the template renders these choices, which may exclude each other."""
    texts = dict.fromkeys(TEXTS, "accepted@example.org") | {"project_slug": "my_app"}
    return pre_gen_project.problem(texts | choices) is None


def pairwise(
    options: dict[str, list[str]], accepts: Callable[[dict[str, str]], bool] = lambda _: True
) -> list[dict[str, str]]:
    """Return few combinations that hold every pair of choices of any two options.

    Combinations that `accepts` refuses are none of them.
    """
    product = [
        dict(zip(options, combo, strict=True)) for combo in itertools.product(*options.values())
    ]
    product = [combination for combination in product if accepts(combination)]

    def pairs(combination: dict[str, str]) -> set[Any]:
        return set(itertools.combinations(combination.items(), min(2, len(options))))

    missing: set[Any] = set().union(*map(pairs, product))
    chosen = []
    while missing:
        best = max(product, key=lambda combination: len(pairs(combination) & missing))
        chosen.append(best)
        missing -= pairs(best)
    return chosen


COMBINATIONS = pairwise(OPTIONS, is_accepted)


def combination_id(combination: dict[str, str]) -> str:
    """Name a combination by its choices."""
    return "-".join(combination.values())


def template_files() -> list[str]:
    """Return the names of the template's files that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def copy_template(folder: Path) -> None:
    """Copy the template without what tools and tests left in it."""
    for name in template_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)


@dataclass(frozen=True)
class BakedProject:
    """A render and what to do with it."""

    path: Path
    answers: dict[str, str]

    @property
    def slug(self) -> str:
        return self.path.name

    @property
    def env(self) -> dict[str, str]:
        """The environment less what could leak into the project's own."""
        hidden = ("VIRTUAL_ENV", "PYTEST", "QUART_", "COV_", "SECRET_KEY", "DATABASE_URL")
        return {key: value for key, value in os.environ.items() if not key.startswith(hidden)}

    def read(self, name: str) -> str:
        """Return the text of a file."""
        return (self.path / name).read_text(encoding="utf-8")

    def files(self) -> dict[str, str]:
        """Return the text of every file but the secrets, by its name in the project."""
        return {
            str(file.relative_to(self.path)): file.read_text(encoding="utf-8")
            for file in sorted(self.path.rglob("*"))
            if file.is_file() and file.name != ".env"
        }

    def run(
        self,
        *command: str | Path,
        check: bool = True,
        timeout: float = 600,
        env: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the project and return what it printed."""
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self.env | (env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            pytest.fail(f"{command} exited {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done


Bake = Callable[..., BakedProject]
