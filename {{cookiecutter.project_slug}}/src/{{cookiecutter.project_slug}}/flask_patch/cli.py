"""Commands: those written for ``flask`` run under ``quart``, hosted in their app's context."""

import asyncio
from collections.abc import Callable
from functools import update_wrapper
from importlib.metadata import entry_points
from typing import Any

import click
import flask.cli
import quart.cli
from quart import Quart, current_app
from quart.cli import QuartGroup, ScriptInfo

from .functions import repoint
from .portals import call, greenlet_spawn
from .waiting import await_only


def with_appcontext(function: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Run the command, sync or async, in the context of its app and in a portal."""
    if function is None:
        return with_appcontext

    @click.pass_context
    def decorator(ctx: click.Context, /, *args: Any, **kwargs: Any) -> Any:
        if current_app:
            return await_only(call(ctx.invoke, function, *args, **kwargs))
        command = _run(ctx, function, args, kwargs)
        if asyncio._get_running_loop() is None:
            return asyncio.run(command)
        return await_only(command)

    return update_wrapper(decorator, function)


async def _run(
    ctx: click.Context, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]
) -> Any:
    app: Quart = ctx.ensure_object(ScriptInfo).load_app()
    async with app.app_context():
        return await greenlet_spawn(ctx.invoke, function, *args, **kwargs)


def _load_plugin_commands(self: QuartGroup) -> None:
    loaded = self._loaded_plugin_commands
    _native_load_plugin_commands(self)
    for point in () if loaded else entry_points(group="flask.commands"):
        if point.name not in self.commands:
            self.add_command(point.load(), point.name)


_native_load_plugin_commands = QuartGroup._load_plugin_commands


def patch_cli() -> None:
    """Make Flask's groups and decorators Quart's, and find the commands of extensions."""
    for function in (flask.cli.with_appcontext, quart.cli.with_appcontext):
        repoint(function, with_appcontext)
    group: Any = QuartGroup
    group._load_plugin_commands = _load_plugin_commands
    commands: Any = flask.cli
    commands.FlaskGroup = QuartGroup
    commands.ScriptInfo = ScriptInfo
    commands.pass_script_info = quart.cli.pass_script_info
