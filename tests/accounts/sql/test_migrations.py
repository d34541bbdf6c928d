"""Migrations: written on one database and run on another, branches, and faults in plain words."""

import re
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from alembic.script import ScriptDirectory

Run = Callable[..., tuple[int, str]]

COLUMN = """
from alembic import op
import sqlalchemy as sa

revision, down_revision = "{revision}", "{newest}"
branch_labels = depends_on = None


def upgrade():
    with op.batch_alter_table("users") as batch:
        batch.add_column(sa.Column("{name}", {kind}, server_default={default}, nullable=False))


def downgrade():
    with op.batch_alter_table("users") as batch:
        batch.drop_column("{name}")
"""


@pytest.fixture
def migrations(package: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the versions in a copy of the migrations, which the test may add to."""
    app = import_module(f"{package.__name__}.app")
    copy = tmp_path / "copy" / "migrations"
    shutil.copytree(app.FOLDER / "migrations", copy)
    monkeypatch.setattr(app, "FOLDER", copy.parent)
    return copy / "versions"


@pytest.fixture
def run(
    config: dict[str, Any],
    package: ModuleType,
    caplog: pytest.LogCaptureFixture,
) -> Run:
    """Run a command as `quart` does; return its exit status and what it says, also by logging."""

    def run(*words: str) -> tuple[int, str]:
        caplog.clear()
        result = package.create_app(config).test_cli_runner().invoke(args=list(words))
        return result.exit_code, result.output + caplog.text

    return run


def write(folder: Path, revision: str, name: str, kind: str, default: str) -> None:
    """Write a migration that adds a column to the users."""
    newest = max(file.name.partition("_")[0] for file in folder.glob("0001*.py"))
    values = {"newest": newest, "name": name, "kind": kind, "default": default}
    text = COLUMN.format(revision=revision, **values)
    (folder / f"{revision}_add_{name}.py").write_text(text)


@pytest.mark.everywhere
@pytest.mark.parametrize("default", ["sa.true()", "sa.text('1')", "'1'", "sa.text('true')"])
def test_boolean_with_a_default_is_added_or_refused_in_the_databases_own_words(
    migrations: Path, run: Run, database: tuple[str, str], default: str
) -> None:
    write(migrations, "000a", "newsletter", "sa.Boolean()", default)
    status, said = run("db", "upgrade")
    # PostgreSQL has a type for it, and takes no number.
    if database[0] == "PostgreSQL" and default == "sa.text('1')":
        assert status == 1
        [line] = [line for line in said.splitlines() if line.startswith("Error: ")]
        assert re.search(r'column "newsletter" is of type boolean but default.* integer', line)
        assert "does not answer" not in said
        return
    assert status == 0, said
    # Whoever is behind the newest is refused.
    assert run("users", "list")[0] == 0
    assert run("db", "downgrade")[0] == 0


@pytest.mark.everywhere
def test_two_heads_are_told_by_alembic_and_merged(migrations: Path, run: Run) -> None:
    write(migrations, "000a", "nickname", "sa.String(9)", "'x'")
    write(migrations, "000b", "city", "sa.String(9)", "'x'")
    status, said = run("db", "upgrade")
    assert status == 1
    assert "Multiple head revisions are present" in said
    assert "Traceback" not in said
    assert ScriptDirectory(str(migrations.parent)).get_heads() == ["000a", "000b"]
    status, said = run("db", "merge", "-m", "Merge branches", "heads")
    assert status == 0, said
    status, said = run("db", "upgrade")
    assert status == 0, said
    assert len(ScriptDirectory(str(migrations.parent)).get_heads()) == 1
    assert run("users", "list")[0] == 0
