"""Forms: what those of the login and the account have in common."""

from typing import Any

from flask import request
from flask_wtf import FlaskForm


class FormOfTexts(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """A form of texts: uploaded files and JSON, whose values are none, are not looked at."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]  # Flask-WTF is untyped
        """What WTForms asks about the form."""

        def wrap_formdata(self, form: FlaskForm, formdata: Any) -> Any:
            """Return the fields of the request, or none for a form that is to be empty."""
            return None if formdata is None else request.form
