"""The memory backend: one demo user with the project's own password, never in production."""

from types import ModuleType
from typing import Any

import pytest
from browser import Browser
from visits import Part


async def test_demo_user_logs_in_with_the_password_of_the_settings(
    browser: Browser, config: dict[str, Any]
) -> None:
    assert (await browser.login("demo", config["DEMO_PASSWORD"])).status_code == 303
    assert await browser.is_logged_in()


@pytest.mark.parametrize("password", ["", "demo", "password", "short"])
def test_weak_demo_password_keeps_the_app_from_starting(
    config: dict[str, Any], package: ModuleType, password: str
) -> None:
    with pytest.raises(Exception, match=r"^DEMO_PASSWORD"):
        package.create_app({**config, "DEMO_PASSWORD": password})


def test_production_is_refused(config: dict[str, Any], package: ModuleType) -> None:
    production = {"ENVIRONMENT": "production", "TRUSTED_HOSTS": ["localhost"]}
    with pytest.raises(Exception, match="not for production"):
        package.create_app({**config, **production})


async def test_users_are_gone_when_the_process_ends(
    users: Any, config: dict[str, Any], package: ModuleType
) -> None:
    again = package.create_app(config)
    others = Part(again, again.extensions["accounts"].users)
    assert [user.name for user in await others.all()] == ["demo"]
    assert len(await users.all()) == 2
