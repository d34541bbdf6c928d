"""One's own account: where it is logged in."""

from flask_login import current_user
from quart import Blueprint, redirect, render_template, url_for
from quart.typing import ResponseReturnValue

from .extensions import accounts

bp = Blueprint("account", __name__, url_prefix="/account")


@bp.get("/sessions")
async def sessions() -> str:
    """List the devices that are logged in."""
    return await render_template("sessions.html", logins=await accounts.sessions.of(current_user))


@bp.post("/sessions/<int(max=2147483647):session_id>/end")
async def end_session(session_id: int) -> ResponseReturnValue:
    """Log out on one device."""
    await accounts.sessions.end(current_user, session_id)
    return redirect(url_for("account.sessions"), 303)


@bp.post("/sessions/end")
async def end_sessions() -> ResponseReturnValue:
    """Log out everywhere."""
    await accounts.sessions.end_all(current_user)
    return redirect(url_for("login.login"), 303)
