"""What a user backend is, and what keeps logins."""

from typing import Any, Protocol, runtime_checkable

from quart import Quart

from .records import ApiToken, Client, CurrentLogin, LoginSession, Resumption


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


@runtime_checkable
class RecheckedUsers(Protocol):
    """A user backend that looks, from time to time, whether who is logged in may stay so."""

    def is_due(self, user: Any) -> bool:
        """Return whether it is time to look; each request asks, so nobody waits for this."""

    async def recheck(self, user: Any) -> bool:
        """Return whether the user may stay; may raise `BackendUnavailable`."""


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
