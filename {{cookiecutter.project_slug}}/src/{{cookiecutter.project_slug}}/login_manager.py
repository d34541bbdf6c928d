"""Flask-Login over login sessions kept on the server."""

from typing import Any

from flask import request
from flask_login import LoginManager, current_user, user_loaded_from_cookie
from quart import Request, Response, current_app, g, has_request_context, session

from flask_patch import await_only

from .users import User, UserBackend


class SessionLoginManager(LoginManager):  # type: ignore[misc]  # Flask-Login is untyped
    """Flask-Login, with tokens that the server can revoke in place of signed user ids.

    The session holds a login session's token. The remember cookie holds another, which is
    spent when it brings a login back. Both are random and stored as hashes.
    """

    def init_app(self, app: Any, add_context_processor: bool = True) -> None:
        """Bind the app; `app.extensions["users"]` is the backend that knows the tokens."""
        # The server checks the login. Flask-Login's check trusts X-Forwarded-For.
        app.config["SESSION_PROTECTION"] = None
        self._session_identifier_generator = str
        self.user_loader(load_user)
        self.request_loader(load_token_user)
        super().init_app(app, add_context_processor)

    def _load_user_from_remember_cookie(self, cookie: str) -> User | None:
        # A websocket's answer cannot carry the new cookie. Flask's `request` is a websocket too.
        user = await_only(users().sessions.resume(cookie)) if has_request_context() else None
        if user is None:
            return self._load_user_from_request(request)  # type: ignore[no-any-return]
        session.clear()
        # A form of this request may have asked for a token of the old session.
        g.pop("csrf_token", None)
        session.update(_user_id=user.get_id(), _fresh=False, _remember="set")
        app: Any = current_app
        user_loaded_from_cookie.send(app._get_current_object(), user=user)
        return user

    def _update_remember_cookie(self, response: Response) -> Response:
        # A session that nobody has used orders nothing, and need not be read for it.
        if getattr(session, "used", True):
            super()._update_remember_cookie(response)
        return response

    def _set_cookie(self, response: Response) -> None:
        token = getattr(current_user, "remember_token", None)
        if token:
            lifetime = current_app.config["REMEMBER_MINUTES"]
            response.set_cookie(value=token, max_age=lifetime, **_cookie())

    def _clear_cookie(self, response: Response) -> None:
        # A browser keeps a `__Host-` cookie unless the deletion is Secure as well.
        response.set_cookie(value="", max_age=0, **_cookie())


def users() -> UserBackend:
    """Return the app's user backend."""
    return current_app.extensions["users"]  # type: ignore[no-any-return]


def load_user(token: str) -> User | None:
    """Return the user of the session's token, for Flask-Login."""
    return await_only(users().sessions.load(token))


def load_token_user(request: Request) -> User | None:
    """Return the user of an `Authorization: Bearer` header, and of nothing else."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    return await_only(users().api_tokens.load(token.strip()))


def _cookie() -> dict[str, Any]:
    config = current_app.config
    return {
        "key": config["REMEMBER_COOKIE_NAME"],
        "secure": config["SESSION_COOKIE_SECURE"],
        "httponly": True,
        "samesite": "Lax",
        "path": "/",
    }
