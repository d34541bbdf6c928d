"""The Flask extensions, not yet bound to an app."""

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect

from .login_manager import SessionLoginManager

csrf = CSRFProtect()
limiter = Limiter(get_remote_address, strategy="moving-window")
login_manager = SessionLoginManager()
