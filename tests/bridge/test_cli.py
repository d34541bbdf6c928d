"""Commands written for Flask run under Quart."""

import asyncio
import importlib.metadata

import click
import flask
import flask.cli
import pytest
import quart
import quart.cli
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
