"""Settings: read from the environment, typed, and checked once at startup."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from limits import parse_many

MINIMUM_KEY_BYTES = 32
PLACEHOLDERS = ("secret", "changeme", "change-me", "changethis", "placeholder", "your-", "example")
STORES = ("memory", "redis", "redis+unix", "rediss")


class ConfigError(click.ClickException):
    """A setting is missing or unusable; the message names it and the way out."""


def _text(value: str) -> str:
    return value


def _words(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def _count(value: str) -> int:
    if not value.strip().isdecimal():
        raise ValueError("not a whole number from 0 up")
    return int(value)


def _minutes(value: str) -> timedelta:
    minutes = _count(value)
    if minutes == 0:
        raise ValueError("not a whole number of minutes from 1 up")
    return timedelta(minutes=minutes)


def _environment(value: str) -> str:
    if value not in ("development", "production"):
        raise ValueError("neither 'development' nor 'production'")
    return value


def _key(value: str) -> str:
    if len(value.encode()) < MINIMUM_KEY_BYTES:
        raise ValueError(f"shorter than {MINIMUM_KEY_BYTES} bytes")
    if len(set(value)) < 8 or any(word in value.lower() for word in PLACEHOLDERS):
        raise ValueError("a placeholder, not a random key")
    return value


def _keys(value: str) -> list[str]:
    return [_key(key) for key in _words(value)]


def _limit(value: str) -> str:
    parse_many(value)
    return value


def _store(value: str) -> str:
    if urlsplit(value).scheme not in STORES:
        raise ValueError("not a store such as memory:// or redis://localhost:6379")
    return value


def _setting(parse: Callable[[str], Any], default: Any = None, **factory: Any) -> Any:
    if factory:
        return field(metadata={"parse": parse}, **factory)
    return field(default=default, metadata={"parse": parse})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One field for each environment variable, which has the field's name in upper case."""

    secret_key: str = _setting(_key, "")
    secret_key_fallbacks: list[str] = _setting(_keys, default_factory=list)
    environment: str = _setting(_environment, "production")
    trusted_hosts: list[str] = _setting(_words, default_factory=list)
    trusted_proxies: int = _setting(_count, 0)
    database_url: str = _setting(_text, "")
    demo_password: str = _setting(_text, "")
    instance_path: str = _setting(_text, default_factory=lambda: str(Path("instance").resolve()))
    ratelimit_storage_uri: str = _setting(_store, "memory://")
    login_limit_per_account: str = _setting(_limit, "5 per 15 minutes")
    login_limit_per_address: str = _setting(_limit, "30 per 15 minutes")
    session_idle_minutes: timedelta = _setting(_minutes, timedelta(hours=2))
    session_absolute_minutes: timedelta = _setting(_minutes, timedelta(hours=12))
    remember_minutes: timedelta = _setting(_minutes, timedelta(days=30))

    @property
    def production(self) -> bool:
        """Whether the app faces the public."""
        return self.environment == "production"

    def to_config(self) -> dict[str, Any]:
        """Return the settings as the app and its extensions name them."""
        prefix = "__Host-" if self.production else ""
        return {
            **{item.name.upper(): getattr(self, item.name) for item in fields(self)},
            "REMEMBER_COOKIE_NAME": f"{prefix}remember_token",
            "SESSION_COOKIE_NAME": f"{prefix}session",
            "SESSION_COOKIE_SECURE": self.production,
            "SESSION_COOKIE_SAMESITE": "Lax",
            "RATELIMIT_STORAGE_OPTIONS": {"wrap_exceptions": True},
            # The checks are made in `security`, and a token lasts as long as its session.
            "WTF_CSRF_CHECK_DEFAULT": False,
            "WTF_CSRF_SSL_STRICT": False,
            "WTF_CSRF_TIME_LIMIT": None,
        }

    @classmethod
    def load(cls, config: Mapping[str, Any] | None = None) -> "Settings":
        """Read the environment, overlaid with `config`; raise `ConfigError` if unusable."""
        given = {**os.environ, **(config or {})}
        values = {}
        for item in fields(cls):
            name = item.name.upper()
            value = given.get(name, "")
            if isinstance(value, str):
                value = value.strip() and _parse(name, value.strip(), item.metadata["parse"])
            if value != "":
                values[item.name] = value
        settings = cls(**values)
        settings._check(given)
        return settings

    def _check(self, given: Mapping[str, Any]) -> None:
        if not self.secret_key:
            raise ConfigError(
                "SECRET_KEY is not set. Put a random key into the environment or .env: "
                'python -c "import secrets; print(secrets.token_urlsafe(64))"'
            )
        if given.get("LOGIN_DISABLED"):
            raise ConfigError("LOGIN_DISABLED opens every page to everybody. Remove it.")
        if self.production and not self.trusted_hosts:
            raise ConfigError(
                "TRUSTED_HOSTS is not set. List the host names the app is reached by, "
                "such as example.org, or set ENVIRONMENT=development."
            )


def _parse(name: str, value: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        # The value of a key is never shown.
        shown = "" if "KEY" in name else f"={value!r}"
        raise ConfigError(f"{name}{shown} is not usable: {error}. See .env.example.") from None
