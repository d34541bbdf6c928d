"""A Quart app with a login. `flask_patch` comes first: it makes Flask extensions run on Quart."""

from . import flask_patch  # isort: split

from .app import create_app

__all__ = ["create_app", "flask_patch"]
