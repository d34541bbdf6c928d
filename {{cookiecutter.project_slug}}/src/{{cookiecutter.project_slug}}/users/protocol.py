"""What every user backend offers, and the records it deals in."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flask_login import UserMixin
from quart import Quart

MAXIMUM_NAME = 64


class UserError(Exception):
    """A request about an account that cannot be met; the message is for people."""


class BackendUnavailable(Exception):
    """The source of users cannot be reached, or is not set up; the message says which and why."""


@dataclass(eq=False, slots=True)
class User(UserMixin):  # type: ignore[misc]  # Flask-Login is untyped
    """An account, and the login it was loaded by."""

    id: int
    name: str
    active: bool = True
    session_id: int | None = None
    session_token: str | None = None
    remember_token: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether the account may log in."""
        return self.active

    def get_id(self) -> str | None:
        """Return what Flask-Login keeps in the session: the login session's token, not the id."""
        return self.session_token


@dataclass(frozen=True, slots=True)
class LoginSession:
    """One login of a user on one device; times are seconds since the epoch."""

    id: int
    created_at: int
    last_seen_at: int
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How many seconds a login lasts: unused, at most, and remembered."""

    idle: int
    absolute: int
    remember: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Lifetimes":
        """Read the lifetimes from the app's settings."""
        names = ("SESSION_IDLE_MINUTES", "SESSION_ABSOLUTE_MINUTES", "REMEMBER_MINUTES")
        return cls(*(int(config[name].total_seconds()) for name in names))


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A named token for programs; times are seconds since the epoch."""

    id: int
    label: str
    created_at: int
    expires_at: int


class SessionStore(Protocol):
    """The logins of users; their tokens are kept as hashes only."""

    async def start(self, user: User, *, address: str, user_agent: str, remember: bool) -> User:
        """Return the user with the tokens of a new login."""

    async def load(self, token: str) -> User | None:
        """Return the active user of a login that is neither ended nor expired."""

    async def resume(self, remember_token: str) -> User | None:
        """Exchange a remember token, which is spent by it, for new tokens of the same login."""

    async def of(self, user: User) -> list[LoginSession]:
        """Return the user's logins, the one used last first."""

    async def end(self, user: User, session_id: int | None) -> None:
        """End one of the user's own logins."""

    async def end_all(self, user: User) -> None:
        """End all logins of the user."""


class ApiTokenStore(Protocol):
    """Tokens for programs, kept as hashes; all but `load` raise `UserError` for no such user."""

    async def add(self, name: str, label: str, expires_at: int) -> str:
        """Create a token for the user and return it."""

    async def load(self, token: str) -> User | None:
        """Return the active user of a token that has not expired."""

    async def of(self, name: str) -> list[ApiToken]:
        """Return the user's tokens, by label."""

    async def revoke(self, name: str, token_id: int) -> None:
        """Delete a token; raise `UserError` when the user has none with this id."""


class UserBackend(Protocol):
    """A source of users.

    Every method may raise `BackendUnavailable`; those that change an account raise `UserError`
    when there is no such user.
    """

    @property
    def persistent(self) -> bool:
        """Whether accounts outlive the process, so that the command line can manage them."""

    @property
    def sessions(self) -> SessionStore:
        """The logins of the users."""

    @property
    def api_tokens(self) -> ApiTokenStore:
        """The API tokens of the users."""

    def init_app(self, app: Quart) -> None:
        """Register the backend's own commands."""

    async def prepare(self) -> None:
        """Make sure, before the first request, that the source can be used."""

    async def close(self) -> None:
        """Let go of what is open; what needs it again opens it again."""

    async def ping(self) -> None:
        """Return when the source answers."""

    async def get(self, user_id: int) -> User | None:
        """Return the user with this id."""

    async def authenticate(self, name: str, password: str) -> User | None:
        """Return the active user with this name and password, after exactly one hash check."""

    async def add(self, name: str, password: str) -> User:
        """Create an active user; raise `UserError` for a name taken or unusable."""

    async def all(self) -> list[User]:
        """Return all users, by name."""

    async def set_password(self, name: str, password: str) -> None:
        """Change the password and end all logins of the user."""

    async def set_active(self, name: str, active: bool) -> None:
        """Enable or disable the user; disabling ends all logins."""


NO_ACCOUNT = " "
"""The key of all names that no account can have."""


def account_key(name: str) -> str:
    """Return the form of a name by which accounts are told apart: `ALICE` is `alice `."""
    try:
        return check_name(name).casefold()
    except UserError:
        return NO_ACCOUNT


def check_name(name: str) -> str:
    """Return the name of a user or token as it is stored; raise `UserError` for an unusable one."""
    name = unicodedata.normalize("NFKC", name).strip()
    if not 1 <= len(name) <= MAXIMUM_NAME or not name.isprintable():
        raise UserError(f"A name has 1 to {MAXIMUM_NAME} printable characters.")
    return name
