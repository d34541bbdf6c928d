"""Login and logout."""

from flask_login import current_user, login_fresh, login_user, logout_user
from quart import Blueprint, Response, flash, redirect, render_template, request, session, url_for
from quart.typing import ResponseReturnValue

from ..errors import wants_html
from ..extensions import login_manager
from ..login_manager import users
from ..users import User
from . import audit, throttle
from .forms import LoginForm
from .redirects import next_url, return_path

bp = Blueprint("auth", __name__)


@bp.route("/", methods=["GET", "POST"])
async def login() -> ResponseReturnValue:
    """Show the login form, and log in."""
    form = LoginForm()
    if not form.is_submitted():
        if current_user.is_authenticated and login_fresh():
            return redirect(next_url(), 303)
        return await render_template("login.html", form=form)
    if not form.validate_on_submit():
        return await _refuse(400)
    name: str = form.username.data
    await throttle.count_attempt(name)
    user = await users().authenticate(name, form.password.data)
    if user is None:
        audit.record("login failed", name)
        return await _refuse(401)
    await throttle.forget_attempts()
    await start_login(user, remember=form.remember.data)
    audit.record("login", user.name)
    return redirect(next_url(), 303)


@bp.post("/logout")
async def logout() -> ResponseReturnValue:
    """End the login, if there is one, here and on the server."""
    if current_user.is_authenticated:
        audit.record("logout", current_user.name)
        await users().sessions.end(current_user, current_user.session_id)
    logout_user()
    session.clear()
    # Flask-Login's order to delete the remember cookie.
    session["_remember"] = "clear"
    await flash("Logged out")
    return redirect(url_for("auth.login"), 303)


async def start_login(user: User, *, remember: bool) -> None:
    """Log the user in with new tokens; what was in the session before is dropped."""
    if current_user.is_authenticated:
        await users().sessions.end(current_user, current_user.session_id)
    session.clear()
    user = await users().sessions.start(
        user,
        address=request.remote_addr or "",
        # PostgreSQL stores no NUL.
        user_agent=request.headers.get("User-Agent", "").replace("\0", ""),
        remember=remember,
    )
    login_user(user, remember=remember)


async def _refuse(code: int) -> ResponseReturnValue:
    if not wants_html():
        return {"error": "Bad login"}, code
    # The same page whoever was asked for: the name is not shown again.
    return await render_template("login.html", form=LoginForm(formdata=None), refused=True), code


@login_manager.unauthorized_handler
@login_manager.needs_refresh_handler
def unauthorized() -> ResponseReturnValue:
    """Send people to the login page and back, and tell programs."""
    if wants_html():
        return redirect(url_for("auth.login", next=return_path()), 303)
    return Response("Unauthorized", 401, {"WWW-Authenticate": "Bearer"}, "text/plain")
