"""Settings: a bad one keeps the app from starting, and the error names it in one line."""

import gc
import logging
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from accounts import App, ConfigError, Settings, load_settings
from rendered import KEY


@pytest.fixture
def load(package: ModuleType) -> Callable[..., dict[str, Any]]:
    """Return the config that an app gets by these settings."""
    read = import_module(f"{package.__name__}.config").read

    def load(**given: Any) -> dict[str, Any]:
        app = App(package.__name__)
        load_settings(app, read, {"SECRET_KEY": KEY, "ENVIRONMENT": "development", **given})
        return app.config

    return load


@pytest.fixture
def refusal(load: Callable[..., Any]) -> Callable[..., str]:
    """Return the error that these settings end in."""

    def refusal(**given: Any) -> str:
        with pytest.raises(ConfigError) as caught:
            load(**given)
        assert len(str(caught.value).splitlines()) == 1
        return str(caught.value)

    return refusal


Refusal = Callable[..., str]
Load = Callable[..., dict[str, Any]]


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
def test_missing_short_and_placeholder_keys_are_refused_and_not_shown(
    refusal: Refusal, key: str
) -> None:
    error = refusal(SECRET_KEY=key)
    assert error.startswith("SECRET_KEY")
    assert not key.strip() or key not in error


@pytest.mark.promise(4, asvs="13.3.4")
def test_former_keys_are_held_to_the_same_rules(refusal: Refusal, load: Load) -> None:
    assert refusal(SECRET_KEY_FALLBACKS=f"{KEY},short").startswith("SECRET_KEY_FALLBACKS")
    assert load(SECRET_KEY_FALLBACKS=f" {KEY}1, {KEY}2,")["SECRET_KEY_FALLBACKS"] == [
        f"{KEY}1",
        f"{KEY}2",
    ]


@pytest.mark.promise(20, asvs="8.3.1")
@pytest.mark.parametrize("value", ["1", "true", "0", True])
def test_setting_that_opens_every_page_is_refused(refusal: Refusal, value: Any) -> None:
    assert refusal(LOGIN_DISABLED=value).startswith("LOGIN_DISABLED")


@pytest.mark.promise(19, asvs="4.1.3")
def test_production_has_to_know_its_host_names(refusal: Refusal) -> None:
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
        ("SESSION_IDLE_TIMEOUT", "0"),
        ("SESSION_IDLE_TIMEOUT", "-5m"),
        ("SESSION_ABSOLUTE_TIMEOUT", "soon"),
        ("REMEMBER_TIMEOUT", "month"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_unusable_value_is_named_and_shown(refusal: Refusal, name: str, value: str) -> None:
    error = refusal(**{name: value})
    assert error.startswith(f"{name}={value!r} is not usable")
    assert error.endswith("See .env.example.")


def test_environment_sets_and_an_empty_variable_does_not(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUSTED_HOSTS", "a.example, b.example")
    monkeypatch.setenv("SESSION_IDLE_TIMEOUT", " 5m ")
    monkeypatch.setenv("REMEMBER_TIMEOUT", "")
    config = load(ENVIRONMENT="")
    assert config["ENVIRONMENT"] == "production"
    assert config["TRUSTED_HOSTS"] == ["a.example", "b.example"]
    assert config["SESSION_IDLE_TIMEOUT"] == timedelta(minutes=5)
    assert config["REMEMBER_TIMEOUT"] == timedelta(days=30)


def test_settings_that_are_given_in_code_are_parsed_like_those_of_the_environment(
    load: Load, refusal: Refusal
) -> None:
    config = load(
        SESSION_IDLE_TIMEOUT="5m",
        REMEMBER_TIMEOUT=timedelta(days=7),
        TRUSTED_HOSTS="a,b",
        TRUSTED_PROXIES="2",
        LOG_LEVEL="debug",
        ANYTHING="kept as it is",
    )
    assert config["SESSION_IDLE_TIMEOUT"] == timedelta(minutes=5)
    assert config["REMEMBER_TIMEOUT"] == timedelta(days=7)
    assert config["TRUSTED_HOSTS"] == ["a", "b"]
    assert (config["TRUSTED_PROXIES"], config["LOG_LEVEL"]) == (2, logging.DEBUG)
    assert config["ANYTHING"] == "kept as it is"
    assert refusal(SESSION_IDLE_TIMEOUT="soon").startswith("SESSION_IDLE_TIMEOUT='soon'")


def test_settings_of_extensions_are_read_by_their_prefix(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_PORT", "25")
    monkeypatch.setenv("MAIL_SERVER", "mail.example.org")
    monkeypatch.setenv("CACHE_OPTIONS", '{"a": [1]}')
    monkeypatch.setenv("MAIL_USE_TLS", "true")
    config = load(MAIL_USERNAME="given")
    assert (config["MAIL_PORT"], config["MAIL_SERVER"]) == (25, "mail.example.org")
    assert (config["CACHE_OPTIONS"], config["MAIL_USE_TLS"]) == ({"a": [1]}, True)
    assert config["MAIL_USERNAME"] == "given"


@pytest.mark.parametrize(
    "uri",
    [
        "memcached://x:hidden@h",
        "redis-//u:hidden@h",
        "hidden",
        "redis://u:hidden@h:port",
        "redis://u:hidden@h:65536",
        "redis://:hidden/1@h:6379",
        "redis://:1/hidden@h:6379",
        "redis://:1#hidden@h:6379",
        "redis://h:6379/hidden",
        "redis://[h:6379?password=hidden",
        "redis://h:6379?password=hidden&socket_timeout=soon",
        "redis://h:6379?password=hidden&nonsense=1",
    ],
)
def test_unusable_address_of_a_store_is_not_shown(refusal: Refusal, uri: str) -> None:
    error = refusal(RATELIMIT_STORAGE_URI=uri)
    assert error.startswith("RATELIMIT_STORAGE_URI is not usable: ")
    assert "hidden" not in error


@pytest.mark.parametrize(
    "uri",
    [
        "memory://",
        "redis://localhost",
        "redis://u:p%40%2F@localhost:6379/12",
        "rediss://localhost:6380?ssl_cert_reqs=none",
        "redis+unix:///run/redis.sock?db=1",
    ],
)
def test_address_of_a_store_that_can_be_used_is_taken(load: Load, uri: str) -> None:
    assert load(RATELIMIT_STORAGE_URI=uri)["RATELIMIT_STORAGE_URI"] == uri


def test_value_of_a_secret_is_not_shown_whatever_is_wrong_with_it(package: ModuleType) -> None:
    def read(env: Settings) -> dict[str, Any]:
        return {"ENVIRONMENT": "development", "MAIL_PASSWORD": env.int("MAIL_PASSWORD")}

    with pytest.raises(ConfigError, match=r"^MAIL_PASSWORD is not usable") as caught:
        load_settings(App(package.__name__), read, {"MAIL_PASSWORD": "hidden"})
    assert "hidden" not in str(caught.value)


def test_name_that_nobody_reads_is_said_with_the_nearest(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lines = ["SESION_IDLE_TIMEOUT=5m", "QUART_DEBUG=1", "LOG_LEVEL=", "SOMETHING_ELSE=1"]
    (tmp_path / ".env").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    load()
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "Nothing reads SESION_IDLE_TIMEOUT, which .env sets. Is SESSION_IDLE_TIMEOUT meant?",
        "Nothing reads SOMETHING_ELSE, which .env sets.",
    ]


@pytest.fixture
def asgi(
    config: dict[str, Any], package: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[[], Any]]:
    """Import the module that servers import, with the settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name, value in config.items():
        if isinstance(value, str):
            monkeypatch.setenv(name, value)
    name = f"{package.__name__}.asgi"
    monkeypatch.delitem(sys.modules, name, raising=False)
    yield lambda: import_module(name)
    gc.unfreeze()


def test_server_finds_the_app(asgi: Callable[[], Any], package: ModuleType) -> None:
    assert asgi().app.name == package.__name__


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
