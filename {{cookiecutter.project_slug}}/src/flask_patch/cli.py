"""Commands: those written for ``flask`` run under ``quart``, in the context of their app."""

from collections.abc import Callable
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


def _load_plugin_commands(self: QuartGroup) -> None:
    loaded = self._loaded_plugin_commands
    _native_load_plugin_commands(self)
    for point in () if loaded else entry_points(group="flask.commands"):
        if point.name not in self.commands:
            self.add_command(point.load(), point.name)


_native_command = AppGroup.command
_native_load_plugin_commands = QuartGroup._load_plugin_commands


def patch_cli() -> None:
    """Make Flask's groups and decorators Quart's, and find the commands of extensions."""
    for function in (flask.cli.with_appcontext, quart.cli.with_appcontext):
        repoint(function, with_appcontext)
    app_group: Any = AppGroup
    app_group.command = _command
    group: Any = QuartGroup
    group._load_plugin_commands = _load_plugin_commands
    commands: Any = flask.cli
    commands.FlaskGroup = QuartGroup
    commands.ScriptInfo = ScriptInfo
    commands.pass_script_info = quart.cli.pass_script_info
