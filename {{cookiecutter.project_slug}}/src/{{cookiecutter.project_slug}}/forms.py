"""The forms of the login and account pages."""

from wtforms import BooleanField, PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Length

from accounts import MAXIMUM_LENGTH, MINIMUM_LENGTH, FormOfTexts


class LoginForm(FormOfTexts):
    """A name and a password."""

    username = StringField("User name", [InputRequired(), Length(max=256)])
    password = PasswordField("Password", [InputRequired(), Length(max=MAXIMUM_LENGTH)])
    remember = BooleanField("Keep me logged in on this device")


class PasswordForm(FormOfTexts):
    """A new password, and the current one to prove who asks."""

    current = PasswordField("Current password", [InputRequired(), Length(max=MAXIMUM_LENGTH)])
    password = PasswordField(
        "New password", [InputRequired(), Length(min=MINIMUM_LENGTH, max=MAXIMUM_LENGTH)]
    )
    confirm = PasswordField(
        "New password again",
        [InputRequired(), EqualTo("password", "The two new passwords differ.")],
    )
