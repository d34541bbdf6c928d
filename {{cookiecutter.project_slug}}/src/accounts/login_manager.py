"""Flask-Login over logins kept on the server; the one room that knows its private names."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import flash, request
from flask_login import LoginManager, current_user, user_loaded_from_cookie
from quart import Request, Response, current_app, g, has_request_context, session

from flask_patch import await_only, greenlet_spawn

from . import audit
from .protocol import RecheckedUsers
from .records import CurrentLogin, Resumption
from .shield import shield
from .state import state

CLEAR = "clear"
STOLEN = (
    "A login that this browser was to remember has been used twice, by somebody else perhaps. "
    "It has been ended. Log in again, and look at the list of devices."
)


class SessionLoginManager(LoginManager):  # type: ignore[misc]  # Flask-Login is untyped
    """Flask-Login, with tokens that the server can revoke in place of signed user ids.

    The session holds a login session's token. The remember cookie holds another, which is
    spent when it brings a login back. Both are random and stored as hashes.
    """

    def init_app(self, app: Any, add_context_processor: bool = True) -> None:
        """Bind the app, which has its accounts already."""
        # The server checks the login. Flask-Login's check trusts X-Forwarded-For.
        app.config["SESSION_PROTECTION"] = None
        self._session_identifier_generator = str
        self.user_loader(_load_user)
        self.request_loader(_load_token_user)
        super().init_app(app, add_context_processor)

    def _load_user_from_remember_cookie(self, cookie: str) -> Any:
        # A websocket's answer cannot carry the new cookie. Flask's `request` is a websocket too.
        user = self._resume(cookie) if has_request_context() else None
        if user is None:
            return self._load_user_from_request(request)
        session.clear()
        # A form of this request may have asked for a token of the old session.
        g.pop("csrf_token", None)
        session.update(_user_id=user.get_id(), _fresh=False, _remember="set")
        app: Any = current_app
        user_loaded_from_cookie.send(app._get_current_object(), user=user)
        return user

    def _resume(self, cookie: str) -> Any:
        resumed, user = await_only(shield(_exchange(cookie)))
        if resumed is None or user is None:
            return None
        if resumed.login is None:
            self.forget_remembered()
            flash(STOLEN)
            return None
        user.current_login = resumed.login
        return user

    def _update_remember_cookie(self, response: Response) -> Response:
        # A session that nobody has used orders nothing, and need not be read for it. One that has
        # been is nearly always without an order.
        proxy: Any = session
        used = proxy._get_current_object()
        if getattr(used, "accessed", True) and "_remember" in used:
            super()._update_remember_cookie(response)
        return response

    def _set_cookie(self, response: Response) -> None:
        login = getattr(current_user, "current_login", None)
        if login and login.remember_token:
            lifetime = current_app.config["REMEMBER_TIMEOUT"]
            name = current_app.config["REMEMBER_COOKIE_NAME"]
            set_cookie(response, name, login.remember_token, lifetime)

    def _clear_cookie(self, response: Response) -> None:
        set_cookie(response, current_app.config["REMEMBER_COOKIE_NAME"], "", 0)

    def forget_remembered(self) -> None:
        """Order the remember cookie to be deleted at the end of the request."""
        session["_remember"] = CLEAR

    @staticmethod
    def load_nobody() -> None:
        """Let the current user be nobody, unless they have been loaded: stores are not asked."""
        if "_login_user" not in g:
            state().login_manager._update_request_context_with_user()


def set_cookie(response: Response, name: str, value: str, lifetime: Any) -> None:
    """Set a cookie as confined as the session's; a deletion repeats the attributes."""
    # A browser keeps a `__Host-` cookie unless the deletion is Secure as well.
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    response.set_cookie(
        name, value, max_age=lifetime, secure=secure, httponly=True, samesite="Lax", path="/"
    )


def _load_user(token: str) -> Any:
    accounts = state()
    user = accounts.store.load(token, accounts.users)
    return user if user is None else _stay(user)


def _stay(user: Any) -> Any:
    """Return a user who is logged in, or None where the backend takes its word back by now."""
    rechecked = state().rechecked
    if rechecked is None or not rechecked.is_due(user):
        return user
    return await_only(_recheck(rechecked, user))


async def _recheck(rechecked: RecheckedUsers, user: Any) -> Any:
    if await rechecked.recheck(user):
        return user
    await greenlet_spawn(state().store.end_all, user.id, tokens=True)
    audit.record("login withdrawn", user.name)
    return None


async def _exchange(token: str) -> tuple[Resumption | None, Any]:
    """Exchange a remember token for a login; return what came of it, which is logged, and whose."""
    accounts = state()
    resumed = await greenlet_spawn(accounts.store.resume, token, audit.client())
    if resumed is None:
        return None, None
    user = None
    try:
        user = await accounts.users.get(resumed.user_id)
        rechecked = accounts.rechecked
        if user is not None and rechecked is not None and rechecked.is_due(user):
            user = await _recheck(rechecked, user)
    finally:
        event = "login resumed" if user else "login not resumed"
        if resumed.login is None:
            event = "stolen remember token"
        audit.record(event, user.name if user else f"id {resumed.user_id}")
    return resumed, user


def _load_token_user(request: Request) -> Any:
    """Return the user of an `Authorization: Bearer` header, and of nothing else."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return _find_token_user(token) if scheme.lower() == "bearer" else None


def find_again() -> Callable[[], Any]:
    """Return what finds the current user again, without a request, as long as the login lasts."""
    login: CurrentLogin = current_user.current_login
    if login.token is not None:
        return partial(_load_user, login.token)
    return partial(_find_token_user, request.headers["Authorization"].partition(" ")[2])


def _find_token_user(token: str) -> Any:
    accounts = state()
    user_id = accounts.store.token_owner(token.strip())
    user = None if user_id is None else await_only(accounts.users.get(user_id))
    if user is None or _stay(user) is None:
        return None
    user.current_login = CurrentLogin()
    return user
