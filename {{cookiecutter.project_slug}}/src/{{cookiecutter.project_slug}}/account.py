"""One's own account: where it is logged in, and its password."""

from flask_login import current_user, fresh_login_required
from quart import Blueprint, flash, redirect, render_template, url_for
from quart.typing import ResponseReturnValue

from accounts import AccountError, WrongPassword

from .extensions import accounts
from .forms import PasswordForm

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


@bp.route("/password", methods=["GET", "POST"])
@fresh_login_required
async def password() -> ResponseReturnValue:
    """Change the password, which ends all other logins and the API tokens."""
    form, code = PasswordForm(), 200
    if form.validate_on_submit():
        try:
            await accounts.change_password(form.current.data, form.password.data)
        except WrongPassword as error:
            form.current.errors, code = [str(error)], 401
        except AccountError as error:
            form.password.errors, code = [str(error)], 400
        else:
            await flash("Password changed. All other devices are logged out.")
            return redirect(url_for("account.sessions"), 303)
    elif form.is_submitted():
        code = 400
    tokens = await accounts.tokens.of(current_user)
    return await render_template("password.html", form=form, tokens=tokens), code
