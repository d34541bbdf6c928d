"""Starting to serve: what keeps the app from it is said in one line."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from quart import Quart, Response
from werkzeug.exceptions import NotFound

from .config import ConfigError
from .session_cookie import SessionInterface
from .users import BackendUnavailable


class App(Quart):
    """A Quart app that checks its user backend before `quart run` serves it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.session_interface = SessionInterface()

    async def send_static_file(self, filename: str) -> Response:
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


def check(app: Quart) -> None:
    """Prepare the user backend before a server starts its event loop.

    Raises `ConfigError`, which a server would bury in a traceback once it runs.
    """
    # A thread, since some servers import the app with their loop already running.
    with ThreadPoolExecutor(1) as thread:
        try:
            thread.submit(asyncio.run, app.extensions["users"].prepare()).result()
        except BackendUnavailable as error:
            raise ConfigError(str(error)) from None
