"""Login, logout and the pages of one's own account."""

from datetime import UTC, datetime

from quart import Quart

from . import account, audit, views
from .devices import device


def init_app(app: Quart) -> None:
    """Register the pages and the audit log."""
    audit.init_logging()
    app.register_blueprint(views.bp)
    app.register_blueprint(account.bp)
    app.add_template_filter(device)
    app.add_template_filter(utc)


def utc(seconds: int) -> str:
    """Write seconds since the epoch as people read them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
