"""The app and its start: what keeps it from serving is said in one line."""

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import quart
from dotenv import find_dotenv, load_dotenv
from quart import Response
from quart.json.provider import DefaultJSONProvider
from werkzeug.exceptions import NotFound

from flask_patch import Quart, hosted

from ..records import BackendUnavailable
from ..settings import ConfigError
from . import servers
from .session_cookie import SessionInterface


class JSONProvider(DefaultJSONProvider):
    """Quart's JSON, to which a body that is nested too deeply is malformed, and so a 400."""

    def loads(self, s: str | bytes, **options: Any) -> Any:
        """Parse JSON; raise `ValueError` for what is none, or none that Python can parse."""
        try:
            return super().loads(s, **options)
        except RecursionError:
            raise ValueError("nested too deeply") from None


class App(Quart):
    """A Quart app that checks its stores before `quart run` serves it."""

    json_provider_class = JSONProvider

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.session_interface = SessionInterface()

    async def send_static_file(  # type: ignore[override]  # of the two bases, Quart's counts
        self, filename: str
    ) -> Response:
        """Serve a static file; a name that no file can have is not found."""
        try:
            return await super().send_static_file(filename)
        except OSError:
            raise NotFound from None

    def run(self, *args: Any, **options: Any) -> None:
        """Serve for development; raise `ConfigError` when the app cannot start."""
        check(self)
        try:
            super().run(*args, **options)
        except OSError as error:
            raise ConfigError(
                f"Cannot listen on port {options.get('port')}: {error.strerror}. "
                "Stop what uses it, or choose another: quart run --port 5001"
            ) from None


def load_app(create_app: Callable[[], quart.Quart]) -> quart.Quart:
    """Return the app for a server, with the settings of `.env`.

    Exits with one line if it cannot start. What exists by then lives as long as the process:
    garbage collections, which halt all requests, need not look through it again.
    """
    load_dotenv(find_dotenv(usecwd=True))
    try:
        app = create_app()
        check(app)
    except ConfigError as error:
        raise SystemExit(f"Error: {error}") from None
    servers.hold_back(app, app.extensions["accounts"].ending.prepare)
    gc.freeze()
    return app


def check(app: quart.Quart) -> None:
    """Prepare the stores before a server starts its event loop.

    Raises `ConfigError`, which a server would bury in a traceback once it runs.
    """
    prepare = hosted(app.extensions["accounts"].store.prepare)
    # A thread, since some servers import the app with their loop already running.
    with ThreadPoolExecutor(1) as thread:
        try:
            thread.submit(asyncio.run, prepare()).result()
        except BackendUnavailable as error:
            raise ConfigError(str(error)) from None
