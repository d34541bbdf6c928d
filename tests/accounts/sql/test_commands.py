"""The `quart users` and `quart db` commands: what they print, and how they fail."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from conftest import NAME, PACKAGE, PASSWORD

Run = Callable[..., Result]


@pytest.fixture
def run(config: dict[str, Any]) -> Run:
    """Run a command as `quart` does."""

    def run(command: str, *words: str, stdin: str | None = None) -> Result:
        runner = PACKAGE.create_app(config).test_cli_runner()
        result: Result = runner.invoke(args=[*command.split(), *words], input=stdin)
        return result

    return run


@pytest.fixture
def alice(run: Run) -> None:
    """The user `alice`."""
    added = run("users add --password-stdin", NAME, stdin=PASSWORD + "\n")
    assert (added.exit_code, added.output) == (0, f"Added {NAME}.\n")


def is_user(config: dict[str, Any], password: str, token: str = "") -> bool:
    """Say whether the password, or the token, is one of `alice`."""

    async def authenticate() -> Any:
        app = PACKAGE.create_app(config)
        async with app.test_app():
            users = app.extensions["users"]
            if token:
                return await users.api_tokens.load(token)
            return await users.authenticate(NAME, password)

    user = asyncio.run(authenticate())
    return user is not None and user.name == NAME


@pytest.mark.usefixtures("alice")
def test_users_are_added_and_listed(run: Run, config: dict[str, Any]) -> None:
    prompted = run("users add", "zoe", stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert prompted.exit_code == 0
    assert PASSWORD not in prompted.output
    assert run("users list").output == f"{NAME}\nzoe\n"
    assert is_user(config, PASSWORD)


@pytest.mark.usefixtures("alice")
def test_random_password_is_printed_and_works(run: Run, config: dict[str, Any]) -> None:
    changed = run("users passwd --random-password", NAME)
    found = re.fullmatch(r"Changed the password of alice\.\nPassword: (\S{16,})\n", changed.output)
    assert found, changed.output
    assert is_user(config, found[1])
    assert not is_user(config, PASSWORD)


@pytest.mark.usefixtures("alice")
def test_disabled_user_is_marked_and_kept_out(run: Run, config: dict[str, Any]) -> None:
    assert run("users disable", NAME).output == f"Disabled {NAME}.\n"
    assert run("users list").output == f"{NAME} (disabled)\n"
    assert not is_user(config, PASSWORD)
    assert run("users enable", NAME).output == f"Enabled {NAME}.\n"
    assert is_user(config, PASSWORD)


@pytest.mark.usefixtures("alice")
def test_tokens_are_shown_once_listed_and_revoked(run: Run, config: dict[str, Any]) -> None:
    token = run("users token add --days 2", NAME, "backup").output.strip()
    assert is_user(config, "", token)
    listed = run("users token list", NAME).output
    found = re.fullmatch(r"(\d+)\tbackup\t20\d\d-\d\d-\d\d\n", listed)
    assert found, listed
    assert token not in listed
    revoked = run("users token revoke", NAME, found[1])
    assert revoked.output == f"Revoked token {found[1]} of {NAME}.\n"
    assert not is_user(config, "", token)


@pytest.mark.usefixtures("alice")
def test_impossible_request_fails_with_one_clear_line(run: Run) -> None:
    for command, words, stdin, message in (
        ("users add --password-stdin", [NAME], PASSWORD, "already"),
        ("users add --password-stdin", [" ALICE"], PASSWORD, "already"),
        ("users add --password-stdin", ["bob"], "short", "at least 8"),
        ("users add --password-stdin", ["bob"], "", "at least 8"),
        ("users add --password-stdin", ["b\nob"], PASSWORD, "printable"),
        ("users passwd --password-stdin", ["nobody"], PASSWORD, "no user 'nobody'"),
        ("users disable", ["nobody"], "", "no user 'nobody'"),
        ("users token add", ["nobody", "x"], "", "no user 'nobody'"),
        ("users token add", [NAME, "\0"], "", "printable"),
        ("users token revoke", [NAME, "1"], "", "no token 1"),
        ("db upgrade", ["nowhere"], "", "nowhere"),
    ):
        failed = run(command, *words, stdin=stdin)
        assert failed.exit_code == 1, command
        assert re.fullmatch(r"Error: [^\n]+\n", failed.output), failed.output
        assert message in failed.output
    assert run("users list").output == f"{NAME}\n"


def test_unusable_word_is_refused_before_anything_is_done(run: Run) -> None:
    for words in (("token", "add", NAME, "x", "--days", "0"), ("token", "revoke", NAME, "x")):
        assert run("users", *words).exit_code == 2
    assert run("users token revoke", NAME, str(2**63)).exit_code == 2


def test_schema_is_undone_and_applied(run: Run, database_url: str) -> None:
    assert run("users list").exit_code == 0
    assert run("db check").exit_code == 0
    assert run("db downgrade").exit_code == 0
    assert run("db check").exit_code == 1
    listed = run("users list")
    if database_url:
        assert listed.exit_code == 1
        assert "quart db upgrade" in listed.output
    assert run("db upgrade").exit_code == 0
    assert run("users list").output == ""


def test_database_that_does_not_answer_is_named(config: dict[str, Any]) -> None:
    config["DATABASE_URL"] = "postgresql://someone:hidden@localhost:1/nothing"
    result = PACKAGE.create_app(config).test_cli_runner().invoke(args=["users", "list"])
    assert result.exit_code == 1
    assert re.fullmatch(r"Error: DATABASE_URL=[^\n]+does not answer[^\n]+\n", result.output)
    assert "hidden" not in result.output
