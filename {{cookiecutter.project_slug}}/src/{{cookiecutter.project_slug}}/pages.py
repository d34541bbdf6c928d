"""The pages of the app; put yours here. Only who is logged in sees them, unless they are public."""

from quart import Blueprint, render_template

from accounts import probe

from .extensions import accounts

bp = Blueprint("pages", __name__)


@bp.get("/home")
async def home() -> str:
    """Greet who has logged in."""
    return await render_template("home.html")


@bp.get("/protected")
async def protected() -> str:
    """Show who is logged in."""
    return await render_template("protected.html")


@bp.get("/healthz")
@probe
async def healthz() -> str:
    """Say that the process serves."""
    return "ok"


@bp.get("/readyz")
@probe
async def readyz() -> str:
    """Say that the store of logins answers; without it this is a 503."""
    await accounts.ping()
    return "ok"
