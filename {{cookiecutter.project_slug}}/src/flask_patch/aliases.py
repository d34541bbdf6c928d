"""Aliases: the app's class, to a type checker one of Quart's and of Flask's.

A typed extension asks for a Flask app. An app that is made of this class is one, to a type checker
alone: `from flask_patch import Quart`.
"""

from typing import TYPE_CHECKING

import quart

if TYPE_CHECKING:
    from flask import Flask

    class Quart(quart.Quart, Flask):  # type: ignore[misc]  # what Flask has sync is async here
        """A Quart app, which an extension may take for a Flask app."""
else:
    Quart = quart.Quart
