"""What tests are handed: the app with one user in it, a mail server, browsers, and programs."""

import os
import re
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from browser import Browser
from dotenv import dotenv_values
from entrance import NAME, PASSWORD
from flask_security import hash_password
from quart import Quart

RENDER = Path(os.environ["RENDER"])
KEY = "0123456789 a key for tests and nothing else"
SALT = "0123456789 a salt for tests and nothing else"
TOTP = "0123456789 one more for tests and nothing else"
NEW_PASSWORD = "another long one that nobody knows"


class Mailbox:
    """A mail server that keeps what it is sent."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Keep a mail."""
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 kept"

    def link(self, path: str) -> str:
        """Return the path of the link in the last mail, which begins with `path`."""
        body = self.mails[-1].get_body(["plain"])
        assert body
        found = re.search(rf"http://localhost(?::\d+)?({path}\S+)", body.get_content())
        assert found, body.get_content()
        return found[1]


class OnAnyPort(Controller):
    """Listens on a port that is free."""

    def _trigger_server(self) -> None:
        # The port is known once it listens; the base class asks the one that it was told.
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server, listening on `mailbox.port`."""
    mailbox = Mailbox()
    controller = OnAnyPort(mailbox, hostname="127.0.0.1", port=0)
    controller.start()
    mailbox.port = controller.port  # type: ignore[attr-defined]
    yield mailbox
    controller.stop()


@pytest.fixture(scope="session")
def package() -> ModuleType:
    """The owner's package."""
    return import_module(str(dotenv_values(RENDER / ".quartenv")["QUART_APP"]))


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings of whoever runs the tests."""
    for name in dict(os.environ):
        if name.startswith(("LOGIN_", "SESSION_", "REMEMBER_", "SECRET_", "SECURITY_", "MAIL_")):
            monkeypatch.delenv(name)
    for name in ("ENVIRONMENT", "DATABASE_URL", "INSTANCE_PATH", "LOG_LEVEL", "TRUSTED_HOSTS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def config(request: pytest.FixtureRequest, tmp_path: Path, mailbox: Mailbox) -> dict[str, Any]:
    """Settings for one test."""
    marks = request.node.iter_markers("settings")
    return {
        "TESTING": True,
        "ENVIRONMENT": "development",
        "SECRET_KEY": KEY,
        "SECURITY_PASSWORD_SALT": SALT,
        "SECURITY_TOTP_SECRET": TOTP,
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": mailbox.port,  # type: ignore[attr-defined]
        "INSTANCE_PATH": str(tmp_path),
        **{name: value for mark in marks for name, value in mark.kwargs.items()},
    }


@pytest.fixture
async def app(config: dict[str, Any], package: ModuleType) -> AsyncIterator[Quart]:
    """The app, started, with one user who has confirmed the address."""
    app: Quart = package.create_app(config)
    async with app.test_app():
        async with app.app_context():
            users = app.extensions["security"].datastore
            now = datetime.now(UTC).replace(tzinfo=None)
            users.create_user(email=NAME, password=hash_password(PASSWORD), confirmed_at=now)
            users.commit()
        yield app


@pytest.fixture
def browser(app: Quart) -> Browser:
    """A browser that nobody has used."""
    return Browser(app)


@pytest.fixture
async def member(app: Quart) -> Browser:
    """A browser in which the user is logged in."""
    browser = Browser(app)
    assert (await browser.login()).status_code == 302
    return browser


class Clock:
    """A clock that tests turn on."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.time = time.time

    def __call__(self) -> float:
        return self.time() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that the app goes by."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock
