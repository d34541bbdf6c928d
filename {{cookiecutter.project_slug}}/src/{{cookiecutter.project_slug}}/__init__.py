"""A Quart app with a login. `flask_patch` comes first: it makes Flask extensions run on Quart."""

import flask_patch  # noqa: F401  # isort: split  # patches on import

from .app import create_app

__all__ = ["create_app"]
