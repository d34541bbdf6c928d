"""The login: accounts, how they are let in, and what every request is held to.

An app makes one `Accounts`, binds it with `init_app`, and calls what is named here; nothing else of
this package is meant to be called by it.
"""

import flask_patch  # noqa: F401  # isort: split  # patches on import

from .extension import Accounts
from .forms import FormOfTexts
from .names import account_key, check_name
from .passwords import MAXIMUM_LENGTH, MINIMUM_LENGTH
from .protocol import RecheckedUsers, UserBackend, UserManager
from .records import AccountError, ApiToken, BackendUnavailable, LoginSession, WrongPassword
from .settings import ConfigError, Settings, load_settings
from .throttle import TooManyAttempts
from .users import LoginUser
from .web.checks import probe, public
from .web.errors import BadLogin, wants_html
from .web.serving import App, load_app

__all__ = [
    "MAXIMUM_LENGTH",
    "MINIMUM_LENGTH",
    "AccountError",
    "Accounts",
    "ApiToken",
    "App",
    "BackendUnavailable",
    "BadLogin",
    "ConfigError",
    "FormOfTexts",
    "LoginSession",
    "LoginUser",
    "RecheckedUsers",
    "Settings",
    "TooManyAttempts",
    "UserBackend",
    "UserManager",
    "WrongPassword",
    "account_key",
    "check_name",
    "load_app",
    "load_settings",
    "probe",
    "public",
    "wants_html",
]
