"""Settings: read from the environment, typed, and checked once at the start.

`Settings` is environs' reader, with types of its own, over what the environment and code give.
"""

import difflib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from dotenv import dotenv_values, find_dotenv
from environs import Env, EnvError, EnvValidationError
from limits import parse
from marshmallow.validate import OneOf, Range
from quart import Quart

from .counters import rate_limit_store
from .hosts import host_names
from .web import logs
from .web.proxies import proxy_headers
from .words import bare, cookie_name, words

MINIMUM_KEY_BYTES = 32
PLACEHOLDERS = ("secret", "changeme", "change-me", "changethis", "placeholder", "your-", "example")
SECRETS = ("KEY", "URL", "URI", "DSN", "PASSWORD", "SECRET", "TOKEN")  # What names of them hold.
TOOLS = ("FLASK_", "QUART_", "PYTHON")  # Their settings may be in `.env` as well.


class ConfigError(click.ClickException):
    """A setting is missing or unusable; the message names it and the way out."""


class Settings(Env):
    """Reads settings by their names, from the environment overlaid with `given`.

    Its methods are those of environs (`str`, `int`, `bool`, `list`, `timedelta`, ...) and a parser
    for each kind of setting below. An empty value is none.
    """

    def __init__(self, given: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.given = given or {}
        self.dotenv = find_dotenv(usecwd=True)
        self.names: list[str] = []
        keys, limits = (secret_key, secret_keys), (rate_limit, rate_limit_store)
        for parser in (*keys, words, host_names, cookie_name, proxy_headers, *limits):
            self.add_parser(parser.__name__, parser)

    def _get_value(self, env_key: str, default: Any) -> Any:
        self.names.append(env_key)
        value = self.given.get(env_key, os.environ.get(env_key))
        value = bare(value) if isinstance(value, str) else value
        return default if value in (None, "") else value

    def choice(self, name: str, choices: Iterable[str]) -> str:
        """Read one of the choices, by default the first."""
        first, *_ = choices = list(choices)
        error = f"none of {', '.join(choices)}"
        return str(self.str(name, first, validate=OneOf(choices, error=error)))

    def count(self, name: str, default: int) -> int:
        """Read a whole number from 0 up."""
        number = self.int(name, default, validate=Range(min=0, error="less than 0"))
        return default if number is None else number

    def duration(self, name: str, *, least: int = 1, **default: float) -> timedelta:
        """Read a time such as `30s`, `90m`, `2h` or `30d`; a number alone is seconds."""
        longer = Range(min=timedelta(seconds=least), error=f"shorter than {least} s")
        time = self.timedelta(name, timedelta(**default), validate=longer)
        return timedelta(**default) if time is None else time

    def folder(self, name: str, default: str) -> str:
        """Read a folder; a relative one is below the project's, wherever in it a command runs."""
        mark = self.dotenv or find_dotenv(".quartenv", usecwd=True)
        project = Path(mark).parent if mark else Path.cwd()
        return str(project / self.str(name, default))

    def prefixed_names(self, prefixes: Iterable[str]) -> dict[str, Any]:
        """Read all settings whose names begin so; numbers, true, false and lists as in JSON."""
        found = {}
        for name in sorted({*os.environ, *self.given}):
            if name.startswith(tuple(prefixes)):
                self.names.append(name)
                value = self.given.get(name, os.environ.get(name))
                with suppress(ValueError, TypeError):
                    value = json.loads(value)
                found[name] = value
        return found

    def unread(self) -> list[str]:
        """Return a line on each name in `.env` that nobody has read."""
        lines = []
        for name in dotenv_values(self.dotenv) if self.dotenv else ():
            if name not in self.names and not name.startswith(TOOLS):
                near = difflib.get_close_matches(name, self.names, 1)
                meant = f" Is {near[0]} meant?" if near else ""
                lines.append(f"Nothing reads {name}, which .env sets.{meant}")
        return lines


def load_settings(
    app: Quart, read: Callable[[Settings], dict[str, Any]], given: Mapping[str, Any] | None
) -> None:
    """Set the app's config to what `read` makes of the environment and `given`.

    What is given and not read is set as it is. Raises `ConfigError` for a setting that is missing
    or unusable; a name in `.env` that nobody reads is said in the log.
    """
    settings = Settings(given)
    try:
        config = read(settings)
        cookies = settings.cookie_name("COOKIE_NAME", app.name)
    except EnvError as error:
        raise ConfigError(_explain(settings, error)) from None
    if settings.given.get("LOGIN_DISABLED", os.environ.get("LOGIN_DISABLED")):
        raise ConfigError("LOGIN_DISABLED opens every page to everybody. Remove it.")
    production = config["ENVIRONMENT"] == "production"
    if production and not config["TRUSTED_HOSTS"]:
        raise ConfigError(
            "TRUSTED_HOSTS is not set. List the host names the app is reached by, "
            "such as example.org, or set ENVIRONMENT=development."
        )
    unread = {name: value for name, value in settings.given.items() if name not in settings.names}
    app.config.update({**_derived(cookies, production), **config, **unread})
    app.instance_path = config["INSTANCE_PATH"]
    logs.init_app(app)
    for line in settings.unread():
        app.logger.warning(line)


def _derived(name: str, production: bool) -> dict[str, Any]:
    # Browsers do not tell the ports of a host apart, and paths keep no app from another's cookies:
    # each app has names of its own.
    cookie = f"{'__Host-' if production else ''}{name}"
    return {
        "SESSION_COOKIE_NAME": f"{cookie}_session",
        "SESSION_COOKIE_SECURE": production,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "REMEMBER_COOKIE_NAME": f"{cookie}_remember",
        "BROWSER_COOKIE_NAME": f"{cookie}_browser",
        # The checks of every request ask for tokens, which last as long as their session.
        "WTF_CSRF_CHECK_DEFAULT": False,
        "WTF_CSRF_SSL_STRICT": False,
        "WTF_CSRF_TIME_LIMIT": None,
    }


def secret_key(value: str) -> str:
    """Parse a key that signs: 32 bytes or more that nobody could guess."""
    if len(value.encode()) < MINIMUM_KEY_BYTES:
        raise EnvError(f"shorter than {MINIMUM_KEY_BYTES} bytes")
    if len(set(value)) < 8 or any(word in value.lower() for word in PLACEHOLDERS):
        raise EnvError("a placeholder, not a random key")
    return value


def secret_keys(value: str | list[str]) -> list[str]:
    """Parse keys that are separated by commas."""
    return [secret_key(key) for key in words(value)]


def rate_limit(value: str) -> str:
    """Parse a limit such as `5 per 15 minutes`."""
    try:
        parse(value)
    except ValueError as error:
        raise EnvError(str(error)) from None
    return value


def _explain(settings: Settings, error: EnvError) -> str:
    name = settings.names[-1]
    if not isinstance(error, EnvValidationError) and str(error).endswith("not set"):
        way = "See .env.example."
        if name.endswith("_KEY"):
            way = "Run: quart dotenv, which makes a .env with a fresh one."
        return f"{name} is not set. {way}"
    value = settings.given.get(name, os.environ.get(name))
    shown = "" if any(word in name for word in SECRETS) else f"={value!r}"
    messages = getattr(error, "error_messages", None) or [str(error)]
    reason = str(messages[0] if isinstance(messages, list) else messages).rstrip(".")
    return f"{name}{shown} is not usable: {reason}. See .env.example."
