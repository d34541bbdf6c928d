"""What the methods of `Accounts` are made of: a check, a new login, a new password."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from flask_login import current_user, login_user
from quart import after_this_request, current_app, request, session

from flask_patch import greenlet_spawn, hosted

from . import audit
from .login_manager import set_cookie
from .protocol import UserManager
from .records import BROWSER_LIFETIME
from .state import state
from .throttle import TooManyAttempts

T = TypeVar("T")


async def finish(deed: Coroutine[Any, Any, T]) -> T:
    """Await the deed; a client that leaves meanwhile, which cancels the request, cannot stop it."""

    @hosted
    async def do() -> T:
        return await deed

    task = asyncio.create_task(do())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with suppress(Exception):
            await task
        raise


async def set_password(users: UserManager, user: Any, new: str) -> None:
    """Change the user's password, end all logins and API tokens, and log them in anew here."""
    await users.set_password(user.name, new)
    audit.record("password changed", user.name)
    await greenlet_spawn(state().store.end_all, user.id, tokens=True)
    await start(user, remember=False)


async def check(name: str, password: str, address: str | None, scope: str, key: str) -> Any | None:
    """Return the user with this name and password, in an attempt that the throttle lets pass."""
    try:
        async with state().throttle.attempt(address, scope, key) as attempt:
            user = await state().users.authenticate(name, password)
            attempt.right = user is not None
    except TooManyAttempts as error:
        audit.record("throttled", name, limit=error.limit)
        raise
    return user


async def known_browser(key: str) -> int | None:
    """Return the id of this browser where it has logged into the account before."""
    cookie = request.cookies.get(current_app.config["BROWSER_COOKIE_NAME"])
    if not cookie:
        return None
    return await greenlet_spawn(state().store.known_browser, key, cookie)


async def know_browser(key: str) -> None:
    """Give this browser a cookie to be known by, unless it has one for the account."""
    if await known_browser(key) is not None:
        return
    token = await greenlet_spawn(state().store.know_browser, key)
    name = current_app.config["BROWSER_COOKIE_NAME"]

    @after_this_request
    async def know(response: Any) -> Any:
        set_cookie(response, name, token, BROWSER_LIFETIME)
        return response


async def start(user: Any, *, remember: bool) -> None:
    """Start a login in place of the one that there is."""
    former = current_user.current_login if current_user.is_authenticated else None
    ends = former.session_id if former else None
    store = state().store
    login = await greenlet_spawn(store.start, user.id, audit.client(), remember=remember, ends=ends)
    session.clear()
    user.current_login = login
    login_user(user, remember=remember)
