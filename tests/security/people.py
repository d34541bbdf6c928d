"""What tests are handed: the app with one user in it, a mail server, browsers, and programs."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from browser import Browser
from entrance import NAME, PASSWORD
from flask_security import hash_password
from quart import Quart
from rendered import KEY

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


@pytest.fixture
def config(given: dict[str, Any], tmp_path: Path, mailbox: Mailbox) -> dict[str, Any]:
    """Settings for one test."""
    return {
        "TESTING": True,
        "ENVIRONMENT": "development",
        "SECRET_KEY": KEY,
        "SECURITY_PASSWORD_SALT": SALT,
        "SECURITY_TOTP_SECRET": TOTP,
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": mailbox.port,  # type: ignore[attr-defined]
        "INSTANCE_PATH": str(tmp_path),
        **given,
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
async def member(app: Quart) -> Browser:
    """A browser in which the user is logged in."""
    browser = Browser(app)
    assert (await browser.login()).status_code == 302
    return browser
