"""The session cookie: signed, and read when somebody asks for the session."""

import time
from collections import UserDict
from collections.abc import Callable
from copy import deepcopy
from functools import cached_property, lru_cache
from typing import Any

from itsdangerous import BadSignature, URLSafeTimedSerializer
from quart import Quart
from quart.sessions import SecureCookieSessionInterface, SessionMixin
from quart.wrappers.base import BaseRequestWebsocket

LEEWAY = 30
"""Seconds by which the clocks of two nodes may differ."""


FLAT = (str, int, bool, type(None))


@lru_cache(maxsize=1024)
def _open(
    serializer: URLSafeTimedSerializer, cookie: str
) -> tuple[Callable[[dict[str, Any]], dict[str, Any]], dict[str, Any], float]:
    # A browser sends the same cookie again and again. A signature that is wrong is not kept, and
    # other keys make another serializer.
    content, signed_at = serializer.loads(cookie, return_timestamp=True)
    # What a request changes in its session must not be seen by the next one.
    copy = dict if all(type(value) in FLAT for value in content.values()) else deepcopy
    return copy, content, signed_at.timestamp()


class CookieSession(UserDict[str, Any], SessionMixin):
    """A session whose cookie is read at the first use: static files and health checks have none."""

    modified = False

    def __init__(self, read: Callable[[], dict[str, Any]]) -> None:
        self._read = read

    @cached_property
    def data(self) -> dict[str, Any]:  # type: ignore[override]  # an attribute of UserDict
        """What the cookie holds."""
        return self._read()

    @property
    def accessed(self) -> bool:
        """Whether anybody has asked for anything in it; looking at the session itself is not."""
        return "data" in vars(self)

    @accessed.setter
    def accessed(self, value: bool) -> None:
        """Ignore what Quart 0.23 sets wherever the session is looked at."""

    def __setitem__(self, key: str, value: Any) -> None:
        self.modified = True
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self.modified = True
        super().__delitem__(key)


class SessionInterface(SecureCookieSessionInterface):
    """Quart's signed cookies, with one serializer as long as the keys stay."""

    _keys: tuple[Any, ...] = ()
    _serializer: URLSafeTimedSerializer | None = None

    def get_signing_serializer(self, app: Quart) -> URLSafeTimedSerializer | None:
        """Return what signs with the app's keys."""
        keys = (app.secret_key, *(app.config["SECRET_KEY_FALLBACKS"] or ()))
        if keys != self._keys:
            self._serializer, self._keys = super().get_signing_serializer(app), keys
        return self._serializer

    async def open_session(  # type: ignore[override]  # Quart's own is one of its classes
        self, app: Quart, request: BaseRequestWebsocket
    ) -> CookieSession:
        """Return a session that will read the request's cookie."""
        return CookieSession(lambda: self._read(app, request))

    def _read(self, app: Quart, request: BaseRequestWebsocket) -> dict[str, Any]:
        cookie = request.cookies.get(self.get_cookie_name(app))
        serializer = self.get_signing_serializer(app)
        if not cookie or serializer is None:
            return {}
        try:
            copy, content, signed_at = _open(serializer, cookie)
        except BadSignature:
            return {}
        age = time.time() - signed_at
        if not -LEEWAY <= age <= app.permanent_session_lifetime.total_seconds():
            return {}
        return copy(content)

    async def save_session(self, app: Quart, session: SessionMixin, response: Any) -> None:
        """Set the cookie anew where the session has changed."""
        if isinstance(session, CookieSession) and not session.accessed:
            return
        if session.modified or session.permanent:
            await super().save_session(app, session, response)
        elif response is not None:
            # The set of names has to be parsed and written, and is nearly always empty.
            if "Vary" in response.headers:
                response.vary.add("Cookie")
            else:
                response.headers["Vary"] = "Cookie"
