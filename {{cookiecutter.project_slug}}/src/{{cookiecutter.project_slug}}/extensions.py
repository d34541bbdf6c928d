"""The Flask extensions, not yet bound to an app."""

from collections.abc import Callable, Coroutine
from typing import Any

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect
from quart import after_this_request, g

from .login_manager import SessionLoginManager


class SparingLimiter(Limiter):
    """Flask-Limiter, which does nothing for requests without limits.

    It searches before each request only if more than views has limits: a decorated view looks for
    its own when it is called. What it does after a request, it does where it has searched.
    """

    def init_app(self, app: Any) -> None:
        """Bind the app."""
        super().init_app(app)
        self._finish = app.after_request_funcs[None].pop()
        app.teardown_request_funcs[None][-1] = _where_searched(app.teardown_request_funcs[None][-1])

    def _check_request_limit(
        self, callable_name: str | None = None, in_middleware: bool = True
    ) -> None:
        manager = self.limit_manager
        general = manager._default_limits or manager._application_limits or self._meta_limits
        if general or manager._blueprint_limits or not in_middleware:
            if "limits_searched" not in g:
                g.limits_searched = True
                after_this_request(self._finish)
            super()._check_request_limit(callable_name, in_middleware)


def _where_searched(hook: Callable[[Any], None]) -> Callable[[Any], Coroutine[Any, Any, None]]:
    async def sparing(error: Any) -> None:
        if "limits_searched" in g:
            hook(error)

    return sparing


csrf = CSRFProtect()
limiter = SparingLimiter(get_remote_address, strategy="moving-window")
login_manager = SessionLoginManager()
