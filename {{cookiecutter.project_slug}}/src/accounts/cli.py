"""The `quart users` commands."""

import secrets
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from inspect import isawaitable
from typing import Any

import click
from flask.cli import AppGroup
from quart import Quart, current_app

from flask_patch import await_only, hosted

from . import audit
from .names import check_name
from .protocol import AccountError, BackendUnavailable, LoginStore, UserManager

PASSWORD_OPTIONS = (
    click.option("--random-password", is_flag=True, help="Generate a password and print it."),
    click.option("--password-stdin", is_flag=True, help="Read the password from standard input."),
)

users = AppGroup("users", help="Manage who may log in.", short_help="Manage users.")
token = AppGroup("token", help="Manage API tokens: a program sends `Authorization: Bearer TOKEN`.")
users.add_command(token)


def init_app(app: Quart) -> None:
    """Register the commands."""
    app.cli.add_command(users)


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
    manager = _manager()
    password = _password(password_stdin, random_password)
    user = _run(lambda: manager.add(name, password))
    audit.record("user added", user.name)
    click.echo(f"Added {user.name}.")
    if random_password:
        click.echo(f"Password: {password}")


@users.command("list")
def list_users() -> None:
    """List the users."""
    manager = _manager()
    for user in _run(manager.all):
        click.echo(user.name if user.is_active else f"{user.name} (disabled)")


@users.command()
@click.argument("name")
def show(name: str) -> None:
    """Show a user: id, state, logins and API tokens."""
    store, user = _store(), _find(name)
    click.echo(f"{user.name}\nid: {user.id}\nactive: {'yes' if user.is_active else 'no'}")
    for login in _run(lambda: store.sessions_of(user.id)):
        seen = datetime.fromtimestamp(login.last_seen_at, UTC)
        click.echo(f"login: {seen:%Y-%m-%d %H:%M} UTC from {login.address}, {login.user_agent}")
    for one in _run(lambda: store.tokens_of(user.id)):
        click.echo(f"token: {one.label}")


@users.command()
@click.argument("name")
@takes_password
def passwd(name: str, password_stdin: bool, random_password: bool) -> None:
    """Change a user's password and end all logins and API tokens."""
    manager, store, user = _manager(), _store(), _find(name)
    password = _password(password_stdin, random_password)
    _run(lambda: manager.set_password(name, password))
    _run(lambda: store.end_all(user.id, tokens=True))
    audit.record("password changed", user.name)
    click.echo(f"Changed the password of {name}.")
    if random_password:
        click.echo(f"Password: {password}")


@users.command()
@click.argument("name")
@click.argument("new_name")
def rename(name: str, new_name: str) -> None:
    """Give a user another name."""
    manager = _manager()
    _run(lambda: manager.rename(name, new_name))
    audit.record("user renamed", name, to=new_name)
    click.echo(f"Renamed {name} to {new_name}.")


@users.command()
@click.argument("name")
@click.confirmation_option(prompt="Delete the user and all that refers to them?")
def delete(name: str) -> None:
    """Delete a user and all that refers to them."""
    manager = _manager()
    _run(lambda: manager.delete(name))
    audit.record("user deleted", name)
    click.echo(f"Deleted {name}.")


@users.command()
@click.argument("name")
def disable(name: str) -> None:
    """Keep a user from logging in and end all logins."""
    manager, store, user = _manager(), _store(), _find(name)
    _run(lambda: manager.set_active(name, False))
    _run(lambda: store.end_all(user.id))
    audit.record("user disabled", user.name)
    click.echo(f"Disabled {name}.")


@users.command()
@click.argument("name")
def enable(name: str) -> None:
    """Let a user log in again."""
    manager = _manager()
    _run(lambda: manager.set_active(name, True))
    audit.record("user enabled", name)
    click.echo(f"Enabled {name}.")


@users.command()
def clean() -> None:
    """Delete what has expired: logins, remembered browsers, API tokens. Run it once a day."""
    store = _store()
    click.echo(f"Deleted {_run(store.clean)} expired rows.")


@token.command("add")
@click.argument("name")
@click.argument("label")
@click.option("--days", default=90, type=click.IntRange(1, 3650), show_default=True)
def add_token(name: str, label: str, days: int) -> None:
    """Make a token for a user and print it, this once."""
    store, user = _store(), _find(name)
    expires_at = int(time.time()) + days * 24 * 60 * 60
    made = _run(lambda: store.add_token(user.id, check_name(label), expires_at))
    audit.record("API token added", user.name, label=label)
    click.echo(made)


@token.command("list")
@click.argument("name")
def list_tokens(name: str) -> None:
    """List a user's tokens: id, label and last day."""
    store, user = _store(), _find(name)
    for one in _run(lambda: store.tokens_of(user.id)):
        last_day = datetime.fromtimestamp(one.expires_at, UTC).date()
        click.echo(f"{one.id}\t{one.label}\t{last_day}")


@token.command("revoke")
@click.argument("name")
@click.argument("token_id", type=click.IntRange(1, 2**31 - 1))
def revoke_token(name: str, token_id: int) -> None:
    """Revoke a user's token by its id."""
    store, user = _store(), _find(name)
    if not _run(lambda: store.revoke_token(user.id, token_id)):
        raise click.ClickException(f"The user {name!r} has no token {token_id}.")
    audit.record("API token revoked", user.name, token=token_id)
    click.echo(f"Revoked token {token_id} of {name}.")


def _store() -> LoginStore:
    store: LoginStore = current_app.extensions["accounts"].store
    if not store.persistent:
        raise click.ClickException(
            "The users are in the memory of the server's process and cannot be managed from here."
        )
    return store


def _manager() -> UserManager:
    _store()
    users = current_app.extensions["accounts"].users
    if not isinstance(users, UserManager):
        raise click.ClickException("Users are not managed here, but where this app asks for them.")
    return users


def _find(name: str) -> Any:
    manager = _manager()
    return _run(lambda: manager.find(name))


def _run(work: Callable[[], Any]) -> Any:
    """Return what the work returns or awaits, on an event loop that the store is prepared on."""
    store = _store()

    @hosted
    async def prepared() -> Any:
        try:
            await store.prepare()
            result = work()
            return await result if isawaitable(result) else result
        finally:
            await store.close()

    try:
        return await_only(prepared())
    except (AccountError, BackendUnavailable) as error:
        raise click.ClickException(str(error)) from None


def _password(from_stdin: bool, random: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if random:
        return secrets.token_urlsafe(12)
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
