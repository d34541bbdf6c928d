"""The forms of the login."""

from wtforms import BooleanField, PasswordField, StringField
from wtforms.validators import InputRequired, Length

from accounts import MAXIMUM_LENGTH, FormOfTexts


class LoginForm(FormOfTexts):
    """A name and a password."""

    username = StringField("User name", [InputRequired(), Length(max=256)])
    password = PasswordField("Password", [InputRequired(), Length(max=MAXIMUM_LENGTH)])
    remember = BooleanField("Keep me logged in on this device")
