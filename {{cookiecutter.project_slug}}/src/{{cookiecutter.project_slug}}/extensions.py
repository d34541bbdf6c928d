"""The Flask extensions, not yet bound to an app."""

from collections.abc import Callable
from typing import Any

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect
from quart import g

from .login_manager import SessionLoginManager


class SparingLimiter(Limiter):
    """Flask-Limiter, which does nothing for requests without limits.

    It searches before each request only if more than views has limits: a decorated view looks for
    its own when it is called. What it does after a request, it does where it has searched.
    """

    def init_app(self, app: Any) -> None:
        """Bind the app."""
        super().init_app(app)
        for hooks in (app.after_request_funcs[None], app.teardown_request_funcs[None]):
            hooks[-1] = _where_searched(hooks[-1])

    def _check_request_limit(
        self, callable_name: str | None = None, in_middleware: bool = True
    ) -> None:
        manager = self.limit_manager
        general = manager._default_limits or manager._application_limits or self._meta_limits
        if general or manager._blueprint_limits or not in_middleware:
            g.limits_searched = True
            super()._check_request_limit(callable_name, in_middleware)


def _where_searched(hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    async def sparing(argument: Any) -> Any:
        return hook(argument) if "limits_searched" in g else argument

    return sparing


csrf = CSRFProtect()
limiter = SparingLimiter(get_remote_address, strategy="moving-window")
login_manager = SessionLoginManager()
