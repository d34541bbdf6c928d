"""The logins of users on their devices, and their API tokens."""

from typing import Any

from flask_patch import greenlet_spawn

from . import deeds
from .records import ApiToken, LoginSession
from .shield import shield
from .state import state


class Sessions:
    """The logins of users on their devices."""

    async def of(self, user: Any) -> list[LoginSession]:
        """Return the user's logins, the one used last first."""
        return await greenlet_spawn(state().store.sessions_of, user.id)

    async def end(self, user: Any, session_id: int) -> None:
        """End one of the user's own logins."""
        await shield(deeds.end(user, session_id, "session ended"))

    async def end_all(self, user: Any) -> None:
        """End all logins of the user."""
        await shield(deeds.end_all(user))


class Tokens:
    """The API tokens of users."""

    async def of(self, user: Any) -> list[ApiToken]:
        """Return the user's tokens, by label."""
        return await greenlet_spawn(state().store.tokens_of, user.id)
