"""A directory for a render that asks one: a real slapd, whose people are what tests manage.

The database is that of `on_sql`.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from accounts import Settings
from accounts.ldap import LdapUsers, ldap_settings
from accounts.ldap.directory import Directory as Asked
from accounts.names import account_key, check_name
from accounts.records import AccountError
from accounts.sql.external import ExternalUsers
from directory import Directory, dn_of, serve_directory

Ask = Callable[..., Asked]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about passwords that are kept here."""
    left = [item for item in items if item.get_closest_marker("passwords")]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


@pytest.fixture(scope="session")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    """The directory of all tests."""
    with serve_directory(tmp_path_factory.mktemp("directory")) as directory:
        yield directory


@pytest.fixture(scope="session", autouse=True)
def settings_of_the_directory(slapd: Directory) -> None:
    """Let each app find the directory."""
    os.environ.update(slapd.settings)


@pytest.fixture(autouse=True)
def directory(slapd: Directory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Directory]:
    """The directory, with the people that the test adds to it."""

    async def add(users: LdapUsers, name: str, password: str) -> Any:
        name = check_name(name)
        if account_key(name) in [user.key for user in await users.all()]:
            raise AccountError(f"There is a user {name!r} already.")
        try:
            slapd.add_person(name, password)
        except AssertionError:  # The test has another database as well.
            slapd.set(dn_of(name), "userPassword", password)
        return await users.authenticate(name, password)

    async def set_password(users: LdapUsers, name: str, password: str) -> None:
        slapd.set(dn_of((await users.find(name)).name), "userPassword", password)

    async def rename(users: LdapUsers, name: str, new: str) -> None:
        former, new = dn_of((await users.find(name)).name), check_name(new)
        rdn = dn_of(new).partition(",")[0]
        try:
            slapd.change(f"dn: {former}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 1\n")
        except AssertionError:
            raise AccountError(f"There is a user {new!r} already.") from None
        await ExternalUsers.rename(users, name, new)

    async def delete(users: LdapUsers, name: str) -> None:
        await ExternalUsers.delete(users, name)
        slapd.delete(dn_of(check_name(name)))

    for method in (add, set_password, rename, delete):
        monkeypatch.setattr(LdapUsers, method.__name__, method)
    yield slapd
    slapd.clear()


@pytest.fixture
def ask(slapd: Directory) -> Ask:
    """Return what asks the directory, with further settings."""

    def ask(**settings: Any) -> Asked:
        given = {name: str(value) for name, value in {**slapd.settings, **settings}.items()}
        return Asked(ldap_settings(Settings(given)), ["uid", "mail"])

    return ask
