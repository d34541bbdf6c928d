"""The address of the database: what it may be, and that no password in it is ever shown."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from accounts import BackendUnavailable, ConfigError
from accounts.sql import database_settings
from rendered import KEY
from sqlalchemy import make_url


@pytest.mark.parametrize(
    "url",
    [
        "hidden",
        "oracle://u:hidden@h/x",
        "postgresql://u:hidden@h",
        "postgresql://u:hidden@h:port/x",
        "postgresql://u:hidden@h:70000/x",
        "postgresql://u:1@hidden@h/x",
        "postgresql://u:1@2/hidden@h/x",
        "mysql://u:1@2:3306/hidden@h/x",
    ],
)
def test_unusable_address_is_refused_in_one_line_that_does_not_show_it(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^DATABASE_URL [^\n]+$") as caught:
        database_settings(url, "")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
@pytest.mark.parametrize("query", ["password=hidden&user=u", "passwd=hidden&user=u"])
def test_password_among_the_options_is_moved_to_where_everything_hides_it(
    scheme: str, query: str
) -> None:
    settings = database_settings(f"{scheme}://127.0.0.1:1/x?{query}", "")
    assert "hidden" not in repr(settings)
    url = settings["SQLALCHEMY_DATABASE_URI"]
    assert (url.username, url.password) == ("u", "hidden")


def test_word_of_libpq_for_encryption_is_understood() -> None:
    url = database_settings("postgres://h/x?sslmode=require", "")["SQLALCHEMY_DATABASE_URI"]
    assert dict(url.query) == {"sslmode": "require"}


FAULTS = {
    "nobody there": "postgresql://u:hidden@127.0.0.1:1/x?password=hidden",
    "unknown host": "postgresql://u:hidden@nowhere.invalid/x",
    "unknown option": "postgresql://u:hidden@127.0.0.1:1/x?nonsense=hidden",
    "bad option": "postgresql://u:hidden@127.0.0.1:1/x?sslmode=nonsense",
    "MariaDB, nobody there": "mysql://u:hidden@127.0.0.1:1/x?passwd=hidden",
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault_of_the_database_is_told_in_one_line_without_its_password(
    fault: str, package: ModuleType, tmp_path: Path
) -> None:
    settings = {"ENVIRONMENT": "development", "SECRET_KEY": KEY, "INSTANCE_PATH": str(tmp_path)}
    app = package.create_app({**settings, "DATABASE_URL": FAULTS[fault]})
    with pytest.raises(BackendUnavailable, match=r"^DATABASE_URL=[^\n]+$") as caught:
        await app.extensions["accounts"].store.prepare()
    assert "hidden" not in str(caught.value).replace("valid", "")


async def test_wrong_name_and_user_are_told_in_one_line(
    package: ModuleType, tmp_path: Path, database: tuple[str, str], config: dict[str, Any]
) -> None:
    if not database[1]:
        pytest.skip("SQLite has neither")
    for part in ({"database": "nowhere"}, {"username": "nobody", "password": "hidden"}):
        url = make_url(database[1]).set(**part).render_as_string(hide_password=False)
        app = package.create_app({**config, "DATABASE_URL": url})
        with pytest.raises(BackendUnavailable, match=r"^DATABASE_URL=[^\n]+exist") as caught:
            await app.extensions["accounts"].store.prepare()
        assert "hidden" not in str(caught.value)
