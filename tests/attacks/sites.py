"""Apps that run, and how to start one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from identity import IdentityProvider

CHANGES = {
    "sql": ["/account/sessions/end", "/account/password"],
    "ldap": ["/account/sessions/end"],
    "oidc": ["/account/sessions/end", "/login/company/logout"],
    "security": ["/change", "/change-email", "/tf-setup", "/wan-register", "/mf-recovery-codes"],
}
ENTRANCES = {
    "sql": ["/"],
    "ldap": ["/"],
    "oidc": ["/login/company"],
    "security": ["/login", "/register", "/reset"],
}


@dataclass(frozen=True)
class Site:
    """A running app and somebody who may log in."""

    url: str
    package: str
    name: str
    password: str
    backend: str = "sql"
    company: IdentityProvider | None = None

    @property
    def login(self) -> str:
        """The path of the page to log in by."""
        return "/login" if self.backend == "security" else "/"

    @property
    def field(self) -> str:
        """What the form of the login calls the name."""
        return "email" if self.backend == "security" else "username"

    @property
    def changes(self) -> list[str]:
        """Where the forms of who is logged in are sent."""
        return ["/logout", *CHANGES[self.backend]]

    @property
    def entrances(self) -> list[str]:
        """Where the forms of who is to come in are sent."""
        return ENTRANCES[self.backend]

    @property
    def cookies(self) -> set[str]:
        """The cookies of who is logged in."""
        # Flask-Security's are called as it calls them, and a provider's login knows no browsers.
        known = self.backend in ("sql", "ldap")
        return {f"{self.package}_{name}" for name in ("session", *(["browser"] if known else []))}


Start = Callable[..., AbstractContextManager[Site]]
