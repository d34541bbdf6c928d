"""The Flask extensions, not yet bound to an app."""

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect

from .login_manager import SessionLoginManager


class SparingLimiter(Limiter):
    """Flask-Limiter, which searches before each request only if more than views has limits.

    A decorated view looks for its own limits when it is called.
    """

    def _check_request_limit(
        self, callable_name: str | None = None, in_middleware: bool = True
    ) -> None:
        manager = self.limit_manager
        general = manager._default_limits or manager._application_limits or self._meta_limits
        if general or manager._blueprint_limits or not in_middleware:
            super()._check_request_limit(callable_name, in_middleware)


csrf = CSRFProtect()
limiter = SparingLimiter(get_remote_address, strategy="moving-window")
login_manager = SessionLoginManager()
