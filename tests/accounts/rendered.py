"""What tests of any render are handed: its package, a browser, and a clock, without settings.

RENDER names the folder of the render, which is installed.
"""

import os
import time
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from browser import Browser
from dotenv import dotenv_values
from quart import Quart

RENDER = Path(os.environ["RENDER"])
KEY = "0123456789 a key for tests and nothing else"
PREFIXES = (
    *("LOGIN_", "SESSION_", "REMEMBER_", "SECRET_", "SECURITY_"),
    *("MAIL_", "TRUSTED_", "RATELIMIT"),
)
NAMES = ("ENVIRONMENT", "DATABASE_URL", "INSTANCE_PATH", "LOG_LEVEL", "DEMO_PASSWORD")


@pytest.fixture(scope="session")
def package() -> ModuleType:
    """The owner's package."""
    return import_module(str(dotenv_values(RENDER / ".quartenv")["QUART_APP"]))


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings of whoever runs the tests."""
    for name in dict(os.environ):
        if name.startswith(PREFIXES):
            monkeypatch.delenv(name)
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def given(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings that the test is marked with."""
    marks = request.node.iter_markers("settings")
    return {name: value for mark in marks for name, value in mark.kwargs.items()}


@pytest.fixture
def browser(app: Quart) -> Browser:
    """A browser that nobody has used."""
    return Browser(app)


class Clock:
    """A clock that tests turn on."""

    def __init__(self) -> None:
        self.started, self.ahead = time.time(), 0.0
        self.time = time.time

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.ahead += seconds

    def __call__(self) -> float:
        return self.time() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that the app goes by."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock
