"""Who may log in: the user backend and all that belongs to an account."""

from .backend import create_backend
from .protocol import (
    ApiToken,
    BackendUnavailable,
    LoginSession,
    User,
    UserBackend,
    UserError,
)

__all__ = [
    "ApiToken",
    "BackendUnavailable",
    "LoginSession",
    "User",
    "UserBackend",
    "UserError",
    "create_backend",
]
