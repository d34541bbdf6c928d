"""The settings of a render whose users log in at providers, beside those of its database."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from accounts.oidc import OidcUsers
from accounts.sql import SqlUsers
from httpx import ASGITransport
from provider import CLIENT, ISSUER, SECRET, Provider

# Whatever makes an app, a command for one, finds the provider.
os.environ.update(
    OIDC_PROVIDERS="company",
    OIDC_COMPANY_ISSUER=ISSUER,
    OIDC_COMPANY_CLIENT_ID=CLIENT,
    OIDC_COMPANY_CLIENT_SECRET=SECRET,
    OIDC_LINK_BY="name",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a password here, or the form; what holds in its place is in oidc/."""
    left = [
        item
        for item in items
        if item.get_closest_marker("passwords") or item.get_closest_marker("form")
    ]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


@pytest.fixture
def provider() -> Provider:
    """Where people log in."""
    return Provider()


@pytest.fixture
def config(
    config: dict[str, Any], provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """Settings for one test; who is added here is known to the provider, too."""

    async def add(users: OidcUsers, name: str, password: str) -> Any:
        provider.people[name] = password
        return await SqlUsers.add(users, name, password)

    with monkeypatch.context() as patch:
        patch.setattr(OidcUsers, "add", add, raising=False)
        yield {
            "OIDC_TRANSPORT": ASGITransport(provider),
            "PROVIDER": provider,
            **config,
        }
