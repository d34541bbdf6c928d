"""One's own account: where it is logged in, and its password."""

from flask_login import current_user, fresh_login_required, login_required
from quart import Blueprint, flash, redirect, render_template, url_for
from quart.typing import ResponseReturnValue

from ..login_manager import users
from ..users import UserError
from . import audit, throttle
from .forms import PasswordForm
from .views import start_login

bp = Blueprint("account", __name__, url_prefix="/account")


@bp.get("/sessions")
@login_required
async def sessions() -> str:
    """List the devices that are logged in."""
    logins = await users().sessions.of(current_user)
    return await render_template("sessions.html", logins=logins)


@bp.post("/sessions/<int(max=2147483647):session_id>/end")
@login_required
async def end_session(session_id: int) -> ResponseReturnValue:
    """Log out on one device."""
    await users().sessions.end(current_user, session_id)
    audit.record("session ended", current_user.name)
    return redirect(url_for("account.sessions"), 303)


@bp.post("/sessions/end")
@login_required
async def end_sessions() -> ResponseReturnValue:
    """Log out everywhere."""
    await users().sessions.end_all(current_user)
    audit.record("all sessions ended", current_user.name)
    return redirect(url_for("auth.login"), 303)


@bp.route("/password", methods=["GET", "POST"])
@fresh_login_required
async def password() -> ResponseReturnValue:
    """Change the password, which ends all other logins."""
    form = PasswordForm()
    if not form.validate_on_submit():
        return await _form(form, 400 if form.is_submitted() else 200)
    name = current_user.name
    await throttle.count_attempt(name)
    user = await users().authenticate(name, form.current.data)
    if user is None:
        audit.record("password change failed", name)
        form.current.errors = ["This is not your current password."]
        return await _form(form, 401)
    await throttle.forget_attempts()
    try:
        await users().set_password(name, form.password.data)
    except UserError as error:
        form.password.errors = [str(error)]
        return await _form(form, 400)
    await start_login(user, remember=False)
    audit.record("password changed", name)
    await flash("Password changed. All other devices are logged out.")
    return redirect(url_for("account.sessions"), 303)


async def _form(form: PasswordForm, code: int) -> ResponseReturnValue:
    return await render_template("password.html", form=form), code
