"""The `quart users` commands."""

import secrets
import sys
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
from flask.cli import AppGroup
from quart import Quart, current_app

from flask_patch import await_only

from .users import BackendUnavailable, UserBackend, UserError

T = TypeVar("T")

PASSWORD_OPTIONS = (
    click.option("--random-password", is_flag=True, help="Make a password up and print it."),
    click.option("--password-stdin", is_flag=True, help="Read the password from standard input."),
)

users = AppGroup("users", help="Manage who may log in.", short_help="Manage users.")
token = AppGroup("token", help="Manage API tokens: a program sends `Authorization: Bearer TOKEN`.")
users.add_command(token)


def takes_password(command: Any) -> Any:
    """Add the options that say where a password comes from."""
    for option in PASSWORD_OPTIONS:
        command = option(command)
    return command


@users.command()
@click.argument("name")
@takes_password
def add(name: str, password_stdin: bool, random_password: bool) -> None:
    """Add a user."""
    password = _password(password_stdin, random_password)
    user = _run(_backend().add(name, password))
    click.echo(f"Added {user.name}.")
    if random_password:
        click.echo(f"Password: {password}")


@users.command("list")
def list_users() -> None:
    """List the users."""
    for user in _run(_backend().all()):
        click.echo(user.name if user.active else f"{user.name} (disabled)")


@users.command()
@click.argument("name")
@takes_password
def passwd(name: str, password_stdin: bool, random_password: bool) -> None:
    """Change a user's password and end all logins."""
    password = _password(password_stdin, random_password)
    _run(_backend().set_password(name, password))
    click.echo(f"Changed the password of {name}.")
    if random_password:
        click.echo(f"Password: {password}")


@users.command()
@click.argument("name")
def disable(name: str) -> None:
    """Keep a user from logging in and end all logins."""
    _run(_backend().set_active(name, False))
    click.echo(f"Disabled {name}.")


@users.command()
@click.argument("name")
def enable(name: str) -> None:
    """Let a user log in again."""
    _run(_backend().set_active(name, True))
    click.echo(f"Enabled {name}.")


@token.command("add")
@click.argument("name")
@click.argument("label")
@click.option("--days", default=90, type=click.IntRange(1, 3650), show_default=True)
def add_token(name: str, label: str, days: int) -> None:
    """Make a token for a user and print it, this once."""
    expires_at = int(time.time()) + days * 24 * 60 * 60
    click.echo(_run(_backend().api_tokens.add(name, label, expires_at)))


@token.command("list")
@click.argument("name")
def list_tokens(name: str) -> None:
    """List a user's tokens: id, label and last day."""
    for one in _run(_backend().api_tokens.of(name)):
        last_day = datetime.fromtimestamp(one.expires_at, UTC).date()
        click.echo(f"{one.id}\t{one.label}\t{last_day}")


@token.command("revoke")
@click.argument("name")
@click.argument("token_id", type=click.IntRange(1, 2**31 - 1))
def revoke_token(name: str, token_id: int) -> None:
    """Revoke a user's token by its id."""
    _run(_backend().api_tokens.revoke(name, token_id))
    click.echo(f"Revoked token {token_id} of {name}.")


def init_app(app: Quart) -> None:
    """Register the commands."""
    app.cli.add_command(users)


def _backend() -> UserBackend:
    backend: UserBackend = current_app.extensions["users"]
    if not backend.persistent:
        raise click.ClickException(
            "The users are in the memory of the server's process and cannot be managed from here."
        )
    return backend


def _run(work: Coroutine[Any, Any, T]) -> T:
    async def prepared() -> T:
        try:
            await _backend().prepare()
            return await work
        finally:
            await _backend().close()

    try:
        return await_only(prepared())
    except (BackendUnavailable, UserError) as error:
        raise click.ClickException(str(error)) from None
    finally:
        work.close()


def _password(from_stdin: bool, random: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if random:
        return secrets.token_urlsafe(12)
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
