"""What a user backend is, what keeps logins, and the records that both deal in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from quart import Quart


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


class UserBackend(Protocol):
    """A source of users: all that one of your own has to have.

    What it returns are users with an `id`, a whole number, and a `name`; `LoginUser` is their base
    class. Both methods may raise `BackendUnavailable`.
    """

    async def authenticate(self, name: str, password: str) -> Any | None:
        """Return the active user with this name and password.

        Takes as long for a name that nobody has as for a wrong password.
        """

    async def get(self, user_id: int) -> Any | None:
        """Return the active user with this id."""


@runtime_checkable
class UserManager(Protocol):
    """A user backend whose accounts are kept here, so that the command line can manage them.

    Methods that take a name raise `AccountError` when there is no such user.
    """

    async def find(self, name: str) -> Any:
        """Return the user with this name, an active one or not."""

    async def add(self, name: str, password: str) -> Any:
        """Create an active user; raise `AccountError` for a name taken or unusable."""

    async def all(self) -> list[Any]:
        """Return all users, by name."""

    async def set_password(self, name: str, password: str) -> None:
        """Change the password; raise `AccountError` for a weak one."""

    async def set_active(self, name: str, active: bool) -> None:
        """Enable or disable the user."""

    async def rename(self, name: str, new_name: str) -> None:
        """Give the user another name; raise `AccountError` for a name taken or unusable."""

    async def delete(self, name: str) -> None:
        """Delete the user and all that refers to them."""


class LoginStore(Protocol):
    """What keeps logins, remembered browsers and API tokens; all tokens as hashes only.

    The methods are sync: they are called where `flask_patch` lets sync code wait. Each may raise
    `BackendUnavailable`.
    """

    @property
    def persistent(self) -> bool:
        """Whether it outlives the process."""

    def init_app(self, app: Quart) -> None:
        """Bind the app, whose settings have been read."""

    async def prepare(self) -> None:
        """Make sure, before the first request, that the store can be used."""

    async def close(self) -> None:
        """Let go of what is open; what needs it again opens it again."""

    def ping(self) -> None:
        """Return when the store answers."""

    def start(
        self, user_id: int, client: Client, *, remember: bool, ends: int | None
    ) -> CurrentLogin:
        """Keep a new login in place of the session `ends`."""

    def load(self, token: str, users: UserBackend) -> Any | None:
        """Return the active user of a login that is neither ended nor expired."""

    def resume(self, remember_token: str, client: Client) -> Resumption | None:
        """Exchange a remember token, which is spent by it, for a new login of the same series.

        A spent token that comes again within the grace is exchanged once more; later it is a stolen
        one, and ends the whole series.
        """

    def sessions_of(self, user_id: int) -> list[LoginSession]:
        """Return the user's logins, the one used last first."""

    def end(self, user_id: int, session_id: int | None) -> None:
        """End one of the user's own logins, and its remembered browser."""

    def end_all(self, user_id: int, *, tokens: bool = False) -> None:
        """End all logins of the user, and their API tokens if those are to go too."""

    def know_browser(self, key: str) -> str:
        """Return a new token by which a browser is known to the account with this key."""

    def known_browser(self, key: str, token: str) -> int | None:
        """Return the id of a browser that is known to the account."""

    def add_token(self, user_id: int, label: str, expires_at: int) -> str:
        """Create an API token for the user and return it."""

    def token_owner(self, token: str) -> int | None:
        """Return the id of the user of an API token that has not expired."""

    def tokens_of(self, user_id: int) -> list[ApiToken]:
        """Return the user's API tokens, by label."""

    def revoke_token(self, user_id: int, token_id: int) -> bool:
        """Delete an API token of the user; return whether there was one."""

    def clean(self) -> int:
        """Delete what has expired, also of users who never return; return how many rows."""
