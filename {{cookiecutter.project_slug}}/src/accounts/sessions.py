"""The logins of users on their devices, and their API tokens."""

from typing import Any

from flask_patch import greenlet_spawn

from . import audit
from .records import ApiToken, LoginSession
from .state import state


class Sessions:
    """The logins of users on their devices."""

    async def of(self, user: Any) -> list[LoginSession]:
        """Return the user's logins, the one used last first."""
        return await greenlet_spawn(state().store.sessions_of, user.id)

    async def end(self, user: Any, session_id: int) -> None:
        """End one of the user's own logins."""
        with audit.cut_off("session ended", user.name):
            await greenlet_spawn(state().store.end, user.id, session_id)
        audit.record("session ended", user.name)

    async def end_all(self, user: Any) -> None:
        """End all logins of the user."""
        with audit.cut_off("all sessions ended", user.name):
            await greenlet_spawn(state().store.end_all, user.id)
        audit.record("all sessions ended", user.name)


class Tokens:
    """The API tokens of users."""

    async def of(self, user: Any) -> list[ApiToken]:
        """Return the user's tokens, by label."""
        return await greenlet_spawn(state().store.tokens_of, user.id)
