"""What tests of the directory are handed: one to ask, by settings of the test's own."""

from collections.abc import Callable
from typing import Any

import pytest
from accounts import Settings
from accounts.ldap import ldap_settings
from accounts.ldap.directory import Directory as Asked
from directory import Directory

Ask = Callable[..., Asked]


@pytest.fixture
def ask(slapd: Directory) -> Ask:
    """Return what asks the directory, with further settings."""

    def ask(**settings: Any) -> Asked:
        given = {name: str(value) for name, value in {**slapd.settings, **settings}.items()}
        return Asked(ldap_settings(Settings(given)), ["uid", "mail"])

    return ask
