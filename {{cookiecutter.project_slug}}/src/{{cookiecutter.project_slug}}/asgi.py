"""The app for an ASGI server: `hypercorn`, `uvicorn` and `granian` all take this module's `app`."""

from accounts import load_app

from .app import create_app

app = load_app(create_app)
