"""The application factory."""

import tomllib
from collections.abc import Mapping
from typing import Any

from hypercorn.middleware import ProxyFixMiddleware
from quart import Quart

from . import auth, cli, errors, pages, security
from .config import ConfigError, Settings
from .extensions import csrf, limiter, login_manager
from .serving import App
from .users import BackendUnavailable, create_backend


def create_app(config: Mapping[str, Any] | None = None) -> Quart:
    """Create the app from the environment, overlaid with `config`.

    Raises `ConfigError` for a setting that is missing or unusable.
    """
    settings = Settings.load(config)
    app = App(__package__, instance_path=settings.instance_path)
    app.config.from_file("site.toml", load=tomllib.load, text=False)
    app.config.update(settings.to_config())
    app.config.update(config or {})

    security.init_app(app)
    csrf.init_app(app)
    limiter.init_app(app)
    login_manager.init_app(app)
    for part in (auth, cli, errors, pages):
        part.init_app(app)

    try:
        users = create_backend(app.config)
    except BackendUnavailable as error:
        raise ConfigError(str(error)) from None
    users.init_app(app)
    app.before_serving(users.prepare)
    app.after_serving(users.close)
    app.extensions["users"] = users

    if settings.trusted_proxies:
        proxied = ProxyFixMiddleware(app.asgi_app, "legacy", settings.trusted_proxies)
        app.asgi_app = proxied  # type: ignore[method-assign]  # as Quart's docs say
    return app
