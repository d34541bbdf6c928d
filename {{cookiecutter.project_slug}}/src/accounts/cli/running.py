"""How commands reach the users and the store of logins."""

from collections.abc import Callable
from inspect import isawaitable
from typing import Any

import click
from quart import current_app

from flask_patch import await_only, hosted

from ..protocol import LoginStore, UserManager
from ..records import AccountError, BackendUnavailable


def find_store() -> LoginStore:
    """Return the store of logins; fail where no command can reach it."""
    store: LoginStore = current_app.extensions["accounts"].store
    if not store.persistent:
        raise click.ClickException(
            "The users are in the memory of the server's process and cannot be managed from here."
        )
    return store


def find_manager() -> UserManager:
    """Return what manages users; fail where they are managed elsewhere."""
    find_store()
    users = current_app.extensions["accounts"].users
    if not isinstance(users, UserManager):
        raise click.ClickException("Users are not managed here, but where this app asks for them.")
    return users


def find_user(name: str) -> Any:
    """Return the user with this name; fail where there is none."""
    manager = find_manager()
    return run(lambda: manager.find(name))


def run(work: Callable[[], Any]) -> Any:
    """Return what the work returns or awaits, on an event loop that the store is prepared on."""
    store = find_store()

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
