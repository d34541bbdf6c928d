"""What belongs to one app."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_login import LoginManager, current_user, login_fresh
from flask_wtf import CSRFProtect
from quart import current_app, request

from .protocol import LoginStore, RecheckedUsers, UserBackend
from .throttle import Throttle
from .web.ending import Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The parts that `Accounts.init_app` has bound to an app."""

    users: UserBackend
    store: LoginStore
    csrf: CSRFProtect
    headers: Mapping[str, str]
    login_view: str
    home_view: str
    throttle: Throttle
    login_manager: LoginManager
    ending: Ending
    rechecked: RecheckedUsers | None = field(init=False)

    def __post_init__(self) -> None:
        rechecked = self.users if isinstance(self.users, RecheckedUsers) else None
        object.__setattr__(self, "rechecked", rechecked)

    def is_logged_in(self) -> bool:
        """Return whether the login form has nothing to ask the current user for."""
        # A page that only a fresh login may see sends others here, to confirm who they are.
        confirmed = login_fresh() or "confirm" not in request.args
        return bool(current_user.is_authenticated) and confirmed


def state() -> State:
    """Return that of the current app."""
    found: State = current_app.extensions["accounts"]
    return found
