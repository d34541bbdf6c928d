"""Commands: those written for ``flask`` run under ``quart``, in the context of their app."""

from collections.abc import Callable
from contextlib import suppress
from functools import update_wrapper
from importlib.metadata import entry_points
from inspect import iscoroutine
from typing import Any

import click
import flask.cli
import quart.cli
from quart import current_app
from quart.cli import AppGroup, QuartGroup, ScriptInfo

from .functions import repoint
from .runners import own_runner
from .waiting import await_only


def with_appcontext(function: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Run the command, sync or async, in the context of its app.

    No event loop runs meanwhile, so that the command may start one. What a sync command waits
    for runs on a loop that lasts as long as the command.
    """
    if function is None:
        return with_appcontext

    @click.pass_context
    def decorator(ctx: click.Context, /, *args: Any, **kwargs: Any) -> Any:
        if not current_app:
            app: Any = ctx.ensure_object(ScriptInfo).load_app()
            # For as long as the click context, so that a group's subcommands have both.
            ctx.with_resource(own_runner())
            ctx.with_resource(app.app_context())
        result = ctx.invoke(function, *args, **kwargs)
        return await_only(result) if iscoroutine(result) else result

    return update_wrapper(decorator, function)


def _command(self: AppGroup, *args: Any, **kwargs: Any) -> Callable[..., Any]:
    """Give commands the context of their app, as Flask does, unless told otherwise."""
    kwargs.setdefault("with_appcontext", True)
    return _native_command(self, *args, **kwargs)


def _add_command(self: AppGroup, command: click.Command, name: str | None = None) -> None:
    """Add the command, and say so where another had the name."""
    name = name or command.name or ""
    taken = self.commands.get(name)
    if taken is not None:
        _report_clash(name, command, taken)
    _native_add_command(self, command, name)


def _report_clash(name: str, used: click.Command, hidden: click.Command) -> None:
    if used is not hidden:
        message = f"Warning: two commands are called {name!r}: {_origin(used)} is used, "
        click.secho(f"{message}{_origin(hidden)} is not.", err=True, fg="yellow")


def _origin(command: click.Command) -> str:
    functions = [command.callback]
    if isinstance(command, click.Group):
        functions += [each.callback for each in command.commands.values()]
    modules = [function.__module__ for function in functions if function is not None]
    return f"that of {modules[0]}" if modules else "an empty group"


def _parse_args(self: QuartGroup, ctx: click.Context, args: list[str]) -> list[str]:
    """Read the environment's app before the help that lists its commands, as Flask 3.1 does."""
    if not args or {*args} & {*self.get_help_option_names(ctx)}:
        quart.cli._env_file_option.handle_parse_result(ctx, {}, [])
        quart.cli._app_option.handle_parse_result(ctx, {}, [])
    return _native_parse_args(self, ctx, args)


def _get_command(self: QuartGroup, ctx: click.Context, name: str) -> click.Command | None:
    """Find the command, and say so where it hides one of the app's."""
    command: click.Command | None = _native_get_command(self, ctx, name)
    if command is not None and name not in DEFAULT:
        with suppress(Exception):  # An app that cannot be loaded hides nothing.
            hidden = ctx.ensure_object(ScriptInfo).load_app().cli.commands.get(name)
            _report_clash(name, command, hidden or command)
    return command


def _load_plugin_commands(self: QuartGroup) -> None:
    loaded = self._loaded_plugin_commands
    _native_load_plugin_commands(self)
    for point in () if loaded else entry_points(group="flask.commands"):
        command = point.load()
        if point.name in self.commands:
            _report_clash(point.name, self.commands[point.name], command)
        else:
            self.add_command(command, point.name)


DEFAULT = {"run", "routes", "shell"}
_native_command = AppGroup.command
_native_add_command = AppGroup.add_command
_native_parse_args = QuartGroup.parse_args
_native_get_command = QuartGroup.get_command
_native_load_plugin_commands = QuartGroup._load_plugin_commands


def patch_cli() -> None:
    """Make Flask's groups and decorators Quart's, and find the commands of extensions."""
    for function in (flask.cli.with_appcontext, quart.cli.with_appcontext):
        repoint(function, with_appcontext)
    app_group: Any = AppGroup
    app_group.command = _command
    app_group.add_command = _add_command
    group: Any = QuartGroup
    group._load_plugin_commands = _load_plugin_commands
    group.parse_args = _parse_args
    group.get_command = _get_command
    commands: Any = flask.cli
    commands.FlaskGroup = QuartGroup
    commands.ScriptInfo = ScriptInfo
    commands.pass_script_info = quart.cli.pass_script_info
