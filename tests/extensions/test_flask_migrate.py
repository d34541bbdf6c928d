"""Flask-Migrate: the db commands, from init to downgrade."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy
from flask_migrate import Migrate, downgrade, upgrade
from flask_sqlalchemy import SQLAlchemy

from harness import PATCH, app_context


@pytest.fixture
def project(app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/app.db"
    db = SQLAlchemy(app)

    class Note(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        text = db.Column(db.Text)

    Migrate(app, db)
    app.path, app.db = tmp_path, db
    return app


def run(project, *args: str) -> str:
    result = project.test_cli_runner().invoke(args=["db", *args])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def tables(project) -> set[str]:
    engine = sqlalchemy.create_engine(f"sqlite:///{project.path}/app.db")
    try:
        return set(sqlalchemy.inspect(engine).get_table_names())
    finally:
        engine.dispose()


@pytest.fixture
def migrated(project):
    run(project, "init")
    run(project, "migrate", "-m", "notes")
    return project


def test_init_writes_the_environment(project):
    run(project, "init")
    assert (project.path / "migrations" / "env.py").is_file()


def test_migrate_writes_a_revision_of_the_models(migrated):
    (revision,) = (migrated.path / "migrations" / "versions").glob("*_notes.py")
    assert "op.create_table('note'" in revision.read_text()


def test_upgrade_and_downgrade_change_the_schema(migrated):
    run(migrated, "upgrade")
    assert "note" in tables(migrated)
    run(migrated, "downgrade", "base")
    assert "note" not in tables(migrated)


@pytest.mark.parametrize("command", ["current", "history", "heads", "branches"])
def test_commands_that_only_look_succeed(migrated, command):
    run(migrated, "upgrade")
    run(migrated, command, "--verbose")


def test_a_second_migration_sees_only_what_changed(migrated):
    run(migrated, "upgrade")
    migrated.db.Table("tag", migrated.db.metadata, migrated.db.Column("name", migrated.db.Text))
    run(migrated, "migrate", "-m", "tags")
    (revision,) = (migrated.path / "migrations" / "versions").glob("*_tags.py")
    assert "op.create_table('tag'" in revision.read_text()
    assert "'note'" not in revision.read_text()


def test_check_fails_when_models_are_ahead(project):
    run(project, "init")
    result = project.test_cli_runner().invoke(args=["db", "check"])
    assert result.exit_code == 1
    assert "New upgrade operations detected" in result.output


def test_upgrade_prints_sql_offline(migrated):
    assert "CREATE TABLE note" in run(migrated, "upgrade", "--sql")


def test_stamp_marks_without_changing(migrated):
    run(migrated, "stamp", "head")
    assert tables(migrated) == {"alembic_version"}


APP = """
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from harness import App

app = App("shop")
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///app.db"
db = SQLAlchemy(app)
Migrate(app, db)


class Note(db.Model):
    id = db.Column(db.Integer, primary_key=True)
"""


@pytest.mark.timeout(60)
def test_the_command_line_of_the_framework_runs_the_commands(tmp_path):
    (tmp_path / "shop.py").write_text(APP)
    framework = "flask" if PATCH == "flask" else "quart"
    finished = subprocess.run(
        [sys.executable, "-m", framework, "--app", "shop:app", "db", "init"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "migrations" / "env.py").is_file()


async def test_migrations_run_from_code(project):
    async with app_context(project):
        from flask_migrate import init, migrate

        init()
        migrate(message="notes")
        upgrade()
        assert "note" in tables(project)
        downgrade(revision="base")
        assert "note" not in tables(project)


def test_a_usage_error_is_reported(project):
    result = project.test_cli_runner().invoke(args=["db", "upgrade"])
    assert result.exit_code == 1
