"""The `quart users` commands."""

from datetime import UTC, datetime

import click
from flask.cli import AppGroup

from .. import audit
from .running import find_manager, find_store, find_user, run

users = AppGroup("users", help="Manage who may log in.", short_help="Manage users.")


@users.command("list")
def list_users() -> None:
    """List the users."""
    manager = find_manager()
    for user in run(manager.all):
        click.echo(user.name if user.is_active else f"{user.name} (disabled)")


@users.command()
@click.argument("name")
def show(name: str) -> None:
    """Show a user: id, state, logins and API tokens."""
    store, user = find_store(), find_user(name)
    click.echo(f"{user.name}\nid: {user.id}\nactive: {'yes' if user.is_active else 'no'}")
    for login in run(lambda: store.sessions_of(user.id)):
        seen = datetime.fromtimestamp(login.last_seen_at, UTC)
        click.echo(f"login: {seen:%Y-%m-%d %H:%M} UTC from {login.address}, {login.user_agent}")
    for one in run(lambda: store.tokens_of(user.id)):
        click.echo(f"token: {one.label}")


@users.command()
@click.argument("name")
@click.argument("new_name")
def rename(name: str, new_name: str) -> None:
    """Give a user another name."""
    manager, user = find_manager(), find_user(name)
    former = user.name
    run(lambda: manager.rename(name, new_name))
    audit.record("user renamed", former, to=new_name)
    click.echo(f"Renamed {name} to {new_name}.")


@users.command()
@click.argument("name")
@click.confirmation_option(prompt="Delete the user and all that refers to them?")
def delete(name: str) -> None:
    """Delete a user and all that refers to them."""
    manager, user = find_manager(), find_user(name)
    run(lambda: manager.delete(name))
    audit.record("user deleted", user.name)
    click.echo(f"Deleted {name}.")


@users.command()
@click.argument("name")
def disable(name: str) -> None:
    """Keep a user from logging in and end all logins."""
    manager, store, user = find_manager(), find_store(), find_user(name)
    run(lambda: manager.set_active(name, False))
    audit.record("user disabled", user.name)
    run(lambda: store.end_all(user.id))
    click.echo(f"Disabled {name}.")


@users.command()
@click.argument("name")
def enable(name: str) -> None:
    """Let a user log in again."""
    manager, user = find_manager(), find_user(name)
    run(lambda: manager.set_active(name, True))
    audit.record("user enabled", user.name)
    click.echo(f"Enabled {name}.")


@users.command()
def clean() -> None:
    """Delete what has expired: logins, remembered browsers, API tokens. Run it once a day."""
    store = find_store()
    click.echo(f"Deleted {run(store.clean)} expired rows.")
