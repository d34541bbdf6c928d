"""The Flask extensions, not yet bound to an app."""

from typing import Any

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect

from .login_manager import SessionLoginManager


class DecoratorLimiter(Limiter):
    """Limits what is decorated; for default limits, use Flask-Limiter's own class."""

    def init_app(self, app: Any) -> None:
        """Bind the app, and spare every request three hooks that look for default limits."""
        super().init_app(app)
        for kind in ("before_request", "after_request", "teardown_request"):
            getattr(app, f"{kind}_funcs")[None].pop()


csrf = CSRFProtect()
limiter = DecoratorLimiter(get_remote_address, strategy="moving-window")
login_manager = SessionLoginManager()
