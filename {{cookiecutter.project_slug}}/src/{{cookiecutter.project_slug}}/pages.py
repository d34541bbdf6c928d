"""The pages of the app itself; put yours here."""

from flask_login import login_required
from quart import Blueprint, Quart, current_app, render_template

bp = Blueprint("pages", __name__)


@bp.get("/protected")
@login_required
async def protected() -> str:
    """Show who is logged in."""
    return await render_template("protected.html")


@bp.get("/healthz")
async def healthz() -> str:
    """Say that the process serves."""
    return "ok"


@bp.get("/readyz")
async def readyz() -> str:
    """Say that the user backend answers; without it this is a 503."""
    await current_app.extensions["users"].ping()
    return "ok"


def init_app(app: Quart) -> None:
    """Register the pages."""
    app.register_blueprint(bp)
