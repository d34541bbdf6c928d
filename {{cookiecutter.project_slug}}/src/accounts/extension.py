"""The login as an extension: each method does all that belongs to what it is named for."""

import asyncio
from collections.abc import Mapping
from typing import Any

from flask_login import current_user, logout_user
from flask_wtf import CSRFProtect
from quart import (
    Quart,
    redirect,
    session,
    url_for,
)
from quart.typing import ResponseReturnValue
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import ServiceUnavailable, Unauthorized

from flask_patch import greenlet_spawn

from . import audit, cli, deeds, devices
from .login_manager import SessionLoginManager
from .protocol import LoginStore, UserBackend, UserManager
from .records import AccountError, BackendUnavailable, WrongPassword
from .sessions import Sessions, Tokens
from .shield import shield
from .state import State, state
from .throttle import Throttle
from .web import checks, errors, redirects, watch
from .web.closing import Closing
from .web.ending import Ending
from .web.gate import Gate
from .web.proxies import TrustProxies
from .web.request_log import RequestLog

PING_TIMEOUT = 2
HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}


class Accounts:
    """Users' logins: who comes in, how they stay, and how they leave.

    All methods are for requests, and raise `BackendUnavailable` (503) for a store out of reach.
    """

    def __init__(self) -> None:
        self.sessions = Sessions()
        self.tokens = Tokens()

    def init_app(
        self,
        app: Quart,
        users: UserBackend,
        store: LoginStore,
        *,
        csrf: CSRFProtect,
        headers: Mapping[str, str],
        login_view: str,
        home_view: str,
    ) -> None:
        """Bind the app, whose settings have been read.

        `users` says who may log in, and `store` keeps their logins. Answers get the `headers` that
        a view has not set itself; the views are endpoints of pages.
        """
        bound = State(
            users=users,
            store=store,
            csrf=csrf,
            headers={**headers, **HTTPS_ONLY} if app.config["SESSION_COOKIE_SECURE"] else headers,
            login_view=login_view,
            home_view=home_view,
            throttle=Throttle(app.config),
            login_manager=SessionLoginManager(),
            ending=Ending(app),
        )
        app.extensions["accounts"] = bound
        for part in (checks, watch, bound.login_manager, store, errors, cli):
            part.init_app(app)
        bound.login_manager.unauthorized_handler(lambda: _send_to_login(None))
        bound.login_manager.needs_refresh_handler(lambda: _send_to_login(1))
        for filter in (devices.device, devices.iso, devices.utc):
            app.add_template_filter(filter)
        app.before_serving(store.prepare)
        app.after_serving(store.close)
        app.after_serving(bound.throttle.close)
        gate = Gate(Closing(app.asgi_app), bound.headers)
        proxies, trusted = app.config["TRUSTED_PROXIES"], app.config["TRUSTED_PROXY_HEADERS"]
        proxied = TrustProxies(RequestLog(gate, app.config), proxies, trusted)
        app.asgi_app = proxied  # type: ignore[method-assign]  # as Quart's docs say

    @staticmethod
    def is_logged_in() -> bool:
        """Return whether the login form has nothing to ask the current user for."""
        return state().is_logged_in()

    @staticmethod
    def next_url() -> str:
        """Return the `next` of this request if it stays on the site, else the home page."""
        return redirects.next_url()

    @staticmethod
    async def ping() -> None:
        """Return when this process is ready: not about to stop, and the store of logins answers.

        The store has 2 seconds for it.
        """
        if state().ending.begun:
            raise ServiceUnavailable("This process is about to stop.")
        try:
            async with asyncio.timeout(PING_TIMEOUT):
                await greenlet_spawn(state().store.ping)
        except TimeoutError:
            raise BackendUnavailable(f"No store of logins within {PING_TIMEOUT} s.") from None

    @staticmethod
    async def authenticate(name: str, password: str) -> Any | None:
        """Return the user with this name and password, or None; throttled and audited.

        Raises `TooManyAttempts` (429).
        """

        def unheard(user: Any | None) -> None:
            if user is not None:
                audit.record("login cut off", name)

        return await shield(deeds.authenticate(name, password), unheard)

    @staticmethod
    async def login(user: Any, *, remember: bool = False) -> None:
        """Log the user in with new tokens; what was in the session before is dropped."""
        await shield(deeds.login(user, remember))

    @staticmethod
    async def logout() -> None:
        """End the login, if there is one, here and on the server."""
        accounts = state()
        if current_user.is_authenticated:
            user = current_user._get_current_object()
            await shield(deeds.end(user, user.current_login.session_id, "logout"))
        logout_user()
        session.clear()
        accounts.login_manager.forget_remembered()

    @staticmethod
    async def change_password(current: str, new: str) -> None:
        """Change the current user's password, which ends all other logins and API tokens.

        Raises `WrongPassword`, `AccountError` for a weak new one, and `TooManyAttempts` (429).
        """
        accounts, user = state(), current_user._get_current_object()
        if not isinstance(accounts.users, UserManager):
            raise AccountError("Passwords are not kept here.")

        def unheard(found: Any | None) -> None:
            if found is not None:
                audit.record("password change cut off", user.name)

        found = await shield(deeds.check_current(user, current), unheard)
        if found is None:
            raise WrongPassword("This is not your current password.")
        await shield(deeds.set_password(accounts.users, found, new))


def _send_to_login(confirm: int | None) -> ResponseReturnValue:
    """Send people to the login page and back, and tell programs."""
    if errors.wants_html():
        values: dict[str, Any] = {"confirm": confirm, "next": redirects.return_path()}
        return redirect(url_for(state().login_view, **values), 303)
    raise Unauthorized("Log in, or send an API token.", www_authenticate=WWWAuthenticate("bearer"))
