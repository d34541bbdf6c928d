"""Settings: a bad one keeps the app from starting, and the error names it in one line."""

import gc
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from conftest import PACKAGE

module = import_module(f"{PACKAGE.__name__}.config")
Settings, ConfigError = module.Settings, module.ConfigError
KEY = "0123456789 a key for tests and nothing else"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings of whoever runs the tests."""
    for name in (*Settings.__dataclass_fields__, "login_disabled"):
        monkeypatch.delenv(name.upper(), raising=False)


def refusal(**settings: Any) -> str:
    given = {"SECRET_KEY": KEY, "ENVIRONMENT": "development", **settings}
    with pytest.raises(ConfigError) as caught:
        Settings.load(given)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.promise(2, asvs="13.3.1, 11.2.3")
@pytest.mark.parametrize(
    "key",
    [
        "",
        "   ",
        "secret",
        "x" * 64,
        KEY[:31],
        "secret" * 10,
        "ChangeMe-" + KEY,
        "your-secret-key-goes-here-0123456789",
        "change-me-0123456789-abcdefghijklmno",
    ],
)
def test_missing_short_and_placeholder_keys_are_refused_and_not_shown(key: str) -> None:
    error = refusal(SECRET_KEY=key)
    assert error.startswith("SECRET_KEY")
    assert not key.strip() or key not in error


@pytest.mark.promise(4, asvs="13.3.4")
def test_former_keys_are_held_to_the_same_rules() -> None:
    assert refusal(SECRET_KEY_FALLBACKS=f"{KEY},short").startswith("SECRET_KEY_FALLBACKS")
    given = {"SECRET_KEY": KEY, "SECRET_KEY_FALLBACKS": f" {KEY}1, {KEY}2,", "TRUSTED_HOSTS": "x"}
    assert Settings.load(given).secret_key_fallbacks == [f"{KEY}1", f"{KEY}2"]


@pytest.mark.promise(20, asvs="8.3.1")
@pytest.mark.parametrize("value", ["1", "true", "0", True])
def test_setting_that_opens_every_page_is_refused(value: Any) -> None:
    assert refusal(LOGIN_DISABLED=value).startswith("LOGIN_DISABLED")


@pytest.mark.promise(19, asvs="4.1.3")
def test_production_has_to_know_its_host_names() -> None:
    assert refusal(ENVIRONMENT="production").startswith("TRUSTED_HOSTS")
    assert refusal(ENVIRONMENT="", TRUSTED_HOSTS=" , ").startswith("TRUSTED_HOSTS")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "staging"),
        ("TRUSTED_PROXIES", "all"),
        ("TRUSTED_PROXIES", "-1"),
        ("LOGIN_LIMIT_PER_ACCOUNT", "many"),
        ("LOGIN_LIMIT_PER_ADDRESS", "5 per fortnight"),
        ("SESSION_IDLE_MINUTES", "0"),
        ("SESSION_ABSOLUTE_MINUTES", "1.5"),
        ("REMEMBER_MINUTES", "month"),
    ],
)
def test_unusable_value_is_named_and_shown(name: str, value: str) -> None:
    error = refusal(**{name: value})
    assert error.startswith(f"{name}={value!r} is not usable")
    assert error.endswith("See .env.example.")


def test_environment_sets_and_an_empty_variable_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", KEY)
    monkeypatch.setenv("TRUSTED_HOSTS", "a.example, b.example")
    monkeypatch.setenv("SESSION_IDLE_MINUTES", " 5 ")
    monkeypatch.setenv("REMEMBER_MINUTES", "")
    settings = Settings.load()
    assert settings.production
    assert settings.trusted_hosts == ["a.example", "b.example"]
    assert settings.session_idle_minutes == timedelta(minutes=5)
    assert settings.remember_minutes == timedelta(days=30)


@pytest.fixture
def asgi(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[[], Any]]:
    """Import the module that servers import, with the settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name, value in config.items():
        if isinstance(value, str):
            monkeypatch.setenv(name, value)
    name = f"{PACKAGE.__name__}.asgi"
    monkeypatch.delitem(sys.modules, name, raising=False)
    yield lambda: import_module(name)
    gc.unfreeze()


def test_server_finds_the_app(asgi: Callable[[], Any]) -> None:
    assert asgi().app.name == PACKAGE.__name__


def test_collections_leave_out_what_was_there_before_the_first_request(
    asgi: Callable[[], Any],
) -> None:
    assert gc.get_freeze_count() == 0
    asgi()
    assert gc.get_freeze_count() > 0


def test_server_is_told_in_one_line_why_the_app_cannot_start(
    asgi: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "short")
    with pytest.raises(SystemExit, match=r"^Error: SECRET_KEY is not usable: [^\n]+$"):
        asgi()
