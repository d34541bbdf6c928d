"""What every user is, wherever users come from."""

from flask_login import UserMixin

from .records import CurrentLogin


class LoginUser(UserMixin):  # type: ignore[misc]  # Flask-Login is untyped
    """A user as Flask-Login knows them, who came by a login that the server keeps."""

    current_login: CurrentLogin | None = None

    def get_id(self) -> str | None:
        """Return what Flask-Login keeps in the session: the login's token, not the user's id."""
        return self.current_login.token if self.current_login else None
