"""What every peer has: the pages' templates and what they ask for, the headers and the hosts."""

import os
import secrets
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from itsdangerous import URLSafeTimedSerializer

HOSTS = ["localhost", "127.0.0.1"]
# The render's own pages, so that every peer renders the same HTML.
TEMPLATES = os.environ["BENCH_TEMPLATES"]
FOLDERS = {"template_folder": TEMPLATES, "static_folder": os.path.join(TEMPLATES, "../static")}
SETTINGS = {
    "SITE_NAME": "Bench",
    "SITE_DESCRIPTION": "A page to measure",
    "SECRET_KEY": "9Jd0Vq3mB7tXkPz5wLrY8uHsEaNcG2fQ" * 2,
}
# Pages that links lead to, and nobody visits.
LINKS = {
    "login.logout": "/logout",
    "pages.home": "/home",
    "account.sessions": "/account/sessions",
    "password.change": "/account/password",
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
_signer = URLSafeTimedSerializer(SETTINGS["SECRET_KEY"], salt="csrf-token")


def missing(given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers that are not among those given, found the way the render does."""
    names = {name.lower() for name, _ in given}
    return [(name, value) for name, value in HEADERS.items() if name.lower() not in names]


@dataclass
class Visitor:
    """What the page templates ask of `current_user`."""

    name: str | None = None

    @property
    def is_authenticated(self) -> bool:
        """Whether somebody is logged in."""
        return self.name is not None


def csrf_token(session: MutableMapping[str, Any]) -> str:
    """Sign the session's secret, as Flask-WTF does."""
    if "csrf_token" not in session:
        session["csrf_token"] = secrets.token_hex(20)
    return str(_signer.dumps(session["csrf_token"]))
