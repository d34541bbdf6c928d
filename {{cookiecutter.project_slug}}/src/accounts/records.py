"""What backends and stores deal in: records of logins, and how they say no."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class AccountError(Exception):
    """A request about an account that cannot be met; the message is for people."""


class WrongPassword(AccountError):
    """The current password, which was asked for, is another."""


class BackendUnavailable(Exception):
    """A store cannot be reached, or is not set up; the message says which and why."""


@dataclass(frozen=True, slots=True)
class CurrentLogin:
    """The login that a request came by; its tokens are there only where they are new.

    A request that was authenticated by an API token has no session and no token.
    """

    session_id: int | None = None
    token: str | None = None
    remember_token: str | None = None


@dataclass(frozen=True, slots=True)
class LoginSession:
    """One login of a user on one device; times are seconds since the epoch."""

    id: int
    created_at: int
    last_seen_at: int
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A named token for programs; times are seconds since the epoch."""

    id: int
    label: str
    created_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Client:
    """Where a login comes from."""

    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Resumption:
    """What came of a remember token: a login, or the end of a stolen one."""

    user_id: int
    login: CurrentLogin | None


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How many seconds a login lasts: unused, at most, and remembered."""

    idle: int
    absolute: int
    remember: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Lifetimes":
        """Read the lifetimes from the app's settings."""
        names = ("SESSION_IDLE_TIMEOUT", "SESSION_ABSOLUTE_TIMEOUT", "REMEMBER_TIMEOUT")
        return cls(*(int(config[name].total_seconds()) for name in names))

    @property
    def seen_interval(self) -> int:
        """Seconds after which the last use is written anew: reading a page need not write."""
        return min(60, self.idle // 10)


REMEMBER_GRACE = 30
"""Seconds in which a spent remember token still stands for the login it was exchanged for."""

BROWSER_LIFETIME = 365 * 24 * 60 * 60
"""Seconds for which a browser counts as known to an account that it logged into."""
