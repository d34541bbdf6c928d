"""Commands written for Flask run under Quart."""

import asyncio
import importlib.metadata
import os
import sys

import click
import flask
import flask.cli
import pytest
import quart
import quart.cli
from click.testing import CliRunner
from flask_patch import await_only


async def later() -> str:
    await asyncio.sleep(0)
    return "later"


def run(app, *args: str):
    result = app.test_cli_runner().invoke(args=list(args))
    assert result.exception is None, result.exception
    return result.output.strip()


@pytest.mark.parametrize("with_appcontext", [flask.cli.with_appcontext, quart.cli.with_appcontext])
def test_a_sync_command_waits_in_the_context_of_its_app(app, with_appcontext):
    @app.cli.command(with_appcontext=False)
    @with_appcontext
    def work():
        click.echo(f"{flask.current_app.name} {await_only(later())} {await_only(later())}")

    assert run(app, "work") == "app later later"


def test_an_async_command_is_awaited(app):
    @app.cli.command()
    async def work():
        await asyncio.sleep(0)
        click.echo(flask.current_app.name)

    assert run(app, "work") == "app"


def test_waits_of_one_command_share_an_event_loop(app):
    async def loop():
        return asyncio.get_running_loop()

    @app.cli.command()
    def work():
        click.echo(await_only(loop()) is await_only(loop()))

    assert run(app, "work") == "True"


def test_a_command_may_run_an_event_loop_itself(app):
    @app.cli.command()
    def work():
        click.echo(f"{asyncio.run(later())} {await_only(later())} {flask.current_app.name}")

    assert run(app, "work") == "later later app"


def test_a_command_can_do_without_a_context(app):
    @app.cli.command(with_appcontext=False)
    def work():
        click.echo(bool(flask.current_app))

    assert run(app, "work") == "False"


def test_the_context_of_a_group_lasts_for_its_subcommands(app):
    @click.group()
    @flask.cli.with_appcontext
    def group():
        flask.g.word = "kept"

    @group.command()
    @flask.cli.with_appcontext
    def show():
        click.echo(flask.g.word)

    app.cli.add_command(group)
    assert run(app, "group", "show") == "kept"


def test_flasks_groups_give_their_commands_a_context(app):
    group = flask.cli.AppGroup("group")

    @group.command()
    def show():
        click.echo(flask.current_app.name)

    app.cli.add_command(group)
    assert run(app, "group", "show") == "app"


def test_the_teardown_of_a_command_may_wait(app):
    closed = []

    @app.teardown_appcontext
    async def close(error):
        await asyncio.sleep(0)
        closed.append(error)

    @app.cli.command()
    def work():
        await_only(later())

    run(app, "work")
    assert closed == [None]


def test_an_error_of_a_command_reaches_the_caller(app):
    @app.cli.command()
    async def work():
        raise LookupError("failed")

    result = app.test_cli_runner().invoke(args=["work"])
    assert isinstance(result.exception, LookupError)


async def test_a_command_runs_inside_a_running_event_loop(app, text):
    @app.cli.command()
    def work():
        click.echo(f"{flask.current_app.name} {await_only(later())}")

    @app.get("/")
    def index():
        return run(app, "work")

    assert await text("/") == "app later"


def test_quarts_command_finds_the_commands_of_flask_extensions(app, monkeypatch):
    @click.command()
    def plugin():
        click.echo("plugged in")

    class Point:
        name = "plugin"

        def load(self):
            return plugin

    def entry_points(group: str):
        return [Point()] if group == "flask.commands" else ()

    from flask_patch import cli

    monkeypatch.setattr(cli, "entry_points", entry_points)
    group = flask.cli.FlaskGroup(create_app=lambda: app)
    result = app.test_cli_runner().invoke(group, ["plugin"])
    assert result.output == "plugged in\n"
    assert importlib.metadata.entry_points(group="flask.commands") is not None


def test_quarts_names_are_flasks():
    assert flask.cli.FlaskGroup is quart.cli.QuartGroup
    assert flask.cli.ScriptInfo is quart.cli.ScriptInfo


@pytest.fixture
def quart_command(tmp_path, monkeypatch):
    """Run `quart` in a folder whose `.env` names an app with a command."""
    (tmp_path / ".env").write_text("QUART_APP=site_of_test\n")
    (tmp_path / "site_of_test.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("QUART_APP", raising=False)
    monkeypatch.setattr("os.environ", {**os.environ})

    def quart_command(*args: str):
        return CliRunner().invoke(quart.cli.QuartGroup(), args)

    yield quart_command
    sys.modules.pop("site_of_test", None)


APP = """
import click
import quart

app = quart.Quart("site")

@app.cli.command()
def own():
    "A command of the app's."

@click.group()
def db():
    "The first."

@db.command()
def first():
    pass

app.cli.add_command(db)
"""


@pytest.mark.parametrize("args", [(), ("--help",), ("--debug", "--help")])
def test_help_lists_the_commands_of_the_app_that_the_environment_names(quart_command, args):
    result = quart_command(*args)
    assert "A command of the app's." in result.output
    assert "Traceback" not in result.output
    assert "Error" not in result.output


def test_two_groups_of_one_name_are_told_of_in_one_line(app, capsys):
    @click.group("db")
    def first():
        """Do nothing."""

    @click.group("db")
    def second():
        """Do nothing."""

    app.cli.add_command(first)
    app.cli.add_command(first)
    assert capsys.readouterr().err == ""
    app.cli.add_command(second)
    assert capsys.readouterr().err == (
        "Warning: two commands are called 'db': that of test_cli is used, "
        "that of test_cli is not.\n"
    )
    assert app.cli.commands["db"] is second


def test_a_plugin_that_hides_a_command_of_the_app_is_told_of(quart_command, monkeypatch):
    @click.command()
    def db():
        click.echo("plugged in")

    class Point:
        name = "db"

        def load(self):
            return db

    from flask_patch import cli

    monkeypatch.setattr(cli, "entry_points", lambda group: [Point()])
    result = quart_command("db")
    assert "plugged in\n" in result.output
    told = [line for line in result.output.splitlines() if "two commands" in line]
    assert told == [
        "Warning: two commands are called 'db': that of test_cli is used, "
        "that of site_of_test is not."
    ]
