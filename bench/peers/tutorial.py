"""Flask-Login on quart-flask-patch, as Quart's guide to Flask extensions has it.

Mended so that it runs: Flask-Login asks Flask's own `has_request_context`, which knows nothing of
Quart's requests.
"""

import quart_flask_patch  # noqa: F401  # isort: skip  # patches on import

import flask_login
import flask_login.utils
import quart
from demo import NAME
from quart_site import add_pages, create_site

flask_login.utils.has_request_context = quart.has_request_context

app = create_site()
login_manager = flask_login.LoginManager(app)


class User(flask_login.UserMixin):
    """A user who is known by a name."""

    def __init__(self, name: str) -> None:
        self.id = self.name = name


USERS = {NAME: User(NAME)}


@login_manager.user_loader
def load_user(name: str) -> User | None:
    """Look the user up."""
    return USERS.get(name)


async def log_in(name: str) -> None:
    """Start a login."""
    flask_login.login_user(USERS[name])


add_pages(app, flask_login.login_required, lambda: flask_login.current_user.name, log_in)
