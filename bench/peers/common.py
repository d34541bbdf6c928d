"""What every peer has: the user, the form, the pages' templates, CSRF tokens, headers and hosts."""

import os
import secrets
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from demo import NAME, PASSWORD
from itsdangerous import BadData, URLSafeTimedSerializer
from wtforms import BooleanField, Form, PasswordField, StringField
from wtforms.validators import InputRequired, Length

KEY = "9Jd0Vq3mB7tXkPz5wLrY8uHsEaNcG2fQ" * 2
HOSTS = ["localhost", "127.0.0.1"]

# The render's own pages, so that every peer renders the same HTML.
TEMPLATES = os.environ.get("BENCH_TEMPLATES", "")
STATIC = os.path.join(os.path.dirname(TEMPLATES), "static")
SITE = {"SITE_NAME": "Bench", "SITE_DESCRIPTION": "A page to measure"}
URLS = {
    "static": "/static/",
    "auth.login": "/",
    "auth.logout": "/logout",
    "pages.protected": "/protected",
    "account.sessions": "/account/sessions",
    "account.password": "/account/password",
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def missing(given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers that are not among those given, found the way the render does."""
    names = {name.lower() for name, _ in given}
    return [(name, value) for name, value in HEADERS.items() if name.lower() not in names]


# The render's parameters.
hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
HASH = hasher.hash(PASSWORD)
_signer = URLSafeTimedSerializer(KEY, salt="csrf-token")


@dataclass
class Visitor:
    """What the page templates ask of `current_user`."""

    name: str | None = None

    @property
    def is_authenticated(self) -> bool:
        """Whether somebody is logged in."""
        return self.name is not None


class LoginForm(Form):
    """A name and a password."""

    username = StringField("User name", [InputRequired(), Length(max=256)])
    password = PasswordField("Password", [InputRequired(), Length(max=1024)])
    remember = BooleanField("Keep me logged in on this device")


def is_right(name: str, password: str, hashed: str = HASH) -> bool:
    """Check a password; this takes some 20 ms of processor time."""
    try:
        return hasher.verify(hashed, password) and name == NAME
    except VerifyMismatchError:
        return False


def csrf_token(session: MutableMapping[str, Any]) -> str:
    """Sign the session's secret, as Flask-WTF does."""
    if "csrf_token" not in session:
        session["csrf_token"] = secrets.token_hex(20)
    return str(_signer.dumps(session["csrf_token"]))


def is_own_token(session: MutableMapping[str, Any], token: str) -> bool:
    """Check a form's CSRF token against the session's secret."""
    try:
        return bool(_signer.loads(token) == session.get("csrf_token"))
    except BadData:
        return False


def url_for(endpoint: str, filename: str = "", **_: Any) -> str:
    """Stand in for the URL builder where a framework has none with these names."""
    return URLS[endpoint] + filename
