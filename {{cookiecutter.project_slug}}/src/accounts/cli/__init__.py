"""The commands: `quart users`, and `quart dotenv`, which needs no app."""

from quart import Quart

from .tokens import token
from .users import users

users.add_command(token)


def init_app(app: Quart) -> None:
    """Register the commands that need the app."""
    app.cli.add_command(users)
