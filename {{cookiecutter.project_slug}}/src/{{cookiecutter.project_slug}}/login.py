"""Login and logout."""

from quart import Blueprint, flash, redirect, render_template, url_for
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, HTTPException

from accounts import BadLogin, TooManyAttempts, public, wants_html

from .extensions import accounts
from .forms import LoginForm

bp = Blueprint("login", __name__)


@bp.route("/", methods=["GET", "POST"])
@public
async def login() -> ResponseReturnValue:
    """Show the login form, and log in."""
    form = LoginForm()
    if not form.is_submitted():
        if accounts.is_logged_in():
            return redirect(accounts.next_url(), 303)
        return await render_template("login.html", form=form)
    if not form.validate_on_submit():
        return await refuse(BadRequest("Enter your user name and your password."))
    try:
        user = await accounts.authenticate(form.username.data, form.password.data)
    except TooManyAttempts as error:
        return await refuse(error)
    if user is None:
        return await refuse(BadLogin())
    await accounts.login(user, remember=form.remember.data)
    return redirect(accounts.next_url(), 303)


@bp.post("/logout")
@public
async def logout() -> ResponseReturnValue:
    """Log out; whoever has logged out elsewhere already is told the same."""
    await accounts.logout()
    await flash("Logged out")
    return redirect(url_for("login.login"), 303)


async def refuse(error: HTTPException) -> ResponseReturnValue:
    """Show the form again and say why; it is the same page whoever was asked for."""
    if not wants_html():
        raise error
    page = await render_template("login.html", form=LoginForm(formdata=None), error=error)
    return page, error.code or 400, dict(error.get_headers())
