"""The forms of the login and account pages."""

from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Length

from ..users.passwords import MAXIMUM_LENGTH, MINIMUM_LENGTH


class TextForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """A form of texts: uploaded files and JSON, whose values are none, are not looked at."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]  # Flask-WTF is untyped
        """What WTForms asks about the form."""

        def wrap_formdata(self, form: FlaskForm, formdata: Any) -> Any:
            """Return the fields of the request, or none for a form that is to be empty."""
            return None if formdata is None else request.form


class LoginForm(TextForm):
    """A name and a password."""

    username = StringField("User name", [InputRequired(), Length(max=256)])
    password = PasswordField("Password", [InputRequired(), Length(max=MAXIMUM_LENGTH)])
    remember = BooleanField("Keep me logged in on this device")


class PasswordForm(TextForm):
    """A new password, and the current one to prove who asks."""

    current = PasswordField("Current password", [InputRequired(), Length(max=MAXIMUM_LENGTH)])
    password = PasswordField(
        "New password", [InputRequired(), Length(min=MINIMUM_LENGTH, max=MAXIMUM_LENGTH)]
    )
    confirm = PasswordField(
        "New password again",
        [InputRequired(), EqualTo("password", "The two new passwords differ.")],
    )
