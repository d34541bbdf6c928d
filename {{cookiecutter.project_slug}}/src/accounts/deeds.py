"""What the methods of `Accounts` do, each with its line in the log: deed and line are one."""

from typing import Any

from flask_login import current_user, login_user
from quart import after_this_request, current_app, request, session

from flask_patch import greenlet_spawn

from . import audit
from .login_manager import set_cookie
from .names import account_key
from .protocol import UserManager
from .records import BROWSER_LIFETIME, BackendUnavailable
from .state import state
from .throttle import TooManyAttempts


async def authenticate(name: str, password: str) -> Any | None:
    """Return the user with this name and password; a refusal is in the log."""
    key, address = account_key(name), audit.client().address
    browser = await known_browser(key)
    # Others' guesses do not keep out who has been here before.
    whose = ("account", key) if browser is None else ("browser", str(browser))
    user = await check(name, password, address, *whose)
    if user is None:
        audit.record("login failed", name)
    return user


async def login(user: Any, remember: bool) -> None:
    """Log the user in, and know their browser by it."""
    await start(user, remember=remember)
    audit.record("login", user.name)
    try:
        await know_browser(account_key(user.name))
    except BackendUnavailable as error:
        # Who is logged in by now stays so.
        current_app.logger.warning("A browser is not known by its login: %s", error)


async def end(user: Any, session_id: int | None, event: str) -> None:
    """End one of the user's logins."""
    await greenlet_spawn(state().store.end, user.id, session_id)
    audit.record(event, user.name)


async def end_all(user: Any) -> None:
    """End all logins of the user."""
    await greenlet_spawn(state().store.end_all, user.id)
    audit.record("all sessions ended", user.name)


async def check_current(user: Any, password: str) -> Any | None:
    """Return the user if this is their password; a refusal is in the log."""
    session_id = user.current_login.session_id
    found = await check(user.name, password, None, "session", str(session_id))
    if found is None:
        audit.record("password change failed", user.name)
    return found


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
