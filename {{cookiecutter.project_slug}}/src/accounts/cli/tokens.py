"""The `quart users token` commands."""

import time
from datetime import UTC, datetime

import click
from flask.cli import AppGroup

from .. import audit
from ..names import check_name
from .running import find_store, find_user, run

token = AppGroup("token", help="Manage API tokens: a program sends `Authorization: Bearer TOKEN`.")


@token.command("add")
@click.argument("name")
@click.argument("label")
@click.option("--days", default=90, type=click.IntRange(1, 3650), show_default=True)
def add_token(name: str, label: str, days: int) -> None:
    """Make a token for a user and print it, this once."""
    store, user = find_store(), find_user(name)
    expires_at = int(time.time()) + days * 24 * 60 * 60
    made = run(lambda: store.add_token(user.id, check_name(label), expires_at))
    audit.record("API token added", user.name, label=label)
    click.echo(made)


@token.command("list")
@click.argument("name")
def list_tokens(name: str) -> None:
    """List a user's tokens: id, label and last day."""
    store, user = find_store(), find_user(name)
    for one in run(lambda: store.tokens_of(user.id)):
        last_day = datetime.fromtimestamp(one.expires_at, UTC).date()
        click.echo(f"{one.id}\t{one.label}\t{last_day}")


@token.command("revoke")
@click.argument("name")
@click.argument("token_id", type=click.IntRange(1, 2**31 - 1))
def revoke_token(name: str, token_id: int) -> None:
    """Revoke a user's token by its id."""
    store, user = find_store(), find_user(name)
    if not run(lambda: store.revoke_token(user.id, token_id)):
        raise click.ClickException(f"The user {name!r} has no token {token_id}.")
    audit.record("API token revoked", user.name, token=token_id)
    click.echo(f"Revoked token {token_id} of {name}.")
