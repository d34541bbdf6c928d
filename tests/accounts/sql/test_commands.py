"""The `quart users` and `quart db` commands: what they print, and how they fail."""

import asyncio
import getpass
import json
import logging
import re
import stat
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from accounts.cli.dotenv import command as dotenv
from browser import NAME, PASSWORD
from click.testing import CliRunner, Result
from visits import Part

Run = Callable[..., Result]


@pytest.fixture
def run(config: dict[str, Any], package: ModuleType) -> Run:
    """Run a command as `quart` does."""

    def run(command: str, *words: str, stdin: str | None = None) -> Result:
        runner = package.create_app(config).test_cli_runner()
        result: Result = runner.invoke(args=[*command.split(), *words], input=stdin)
        return result

    return run


@pytest.fixture
def alice(run: Run) -> None:
    """The user `alice`."""
    added = run("users add --password-stdin", NAME, stdin=PASSWORD + "\n")
    assert (added.exit_code, added.output) == (0, f"Added {NAME}.\n")


IsUser = Callable[..., bool]


@pytest.fixture
def is_user(config: dict[str, Any], package: ModuleType) -> IsUser:
    """Say whether the password, or the token, is one of `alice`."""

    async def authenticate(password: str, token: str) -> Any:
        app = package.create_app(config)
        async with app.test_app():
            accounts = app.extensions["accounts"]
            users = Part(app, accounts.users)
            if not token:
                return await users.authenticate(NAME, password)
            owner = await Part(app, accounts.store).token_owner(token)
            return None if owner is None else await users.get(owner)

    def is_user(password: str = "", token: str = "") -> bool:
        user = asyncio.run(authenticate(password, token))
        return user is not None and user.name == NAME

    return is_user


@pytest.mark.passwords
@pytest.mark.usefixtures("alice")
def test_users_are_added_and_listed(run: Run, is_user: IsUser) -> None:
    prompted = run("users add", "zoe", stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert prompted.exit_code == 0
    assert PASSWORD not in prompted.output
    assert run("users list").output == f"{NAME}\nzoe\n"
    assert is_user(PASSWORD)


@pytest.mark.passwords
@pytest.mark.usefixtures("alice")
def test_random_password_is_printed_and_works(run: Run, is_user: IsUser) -> None:
    changed = run("users passwd --random-password", NAME)
    found = re.fullmatch(r"Changed the password of alice\.\nPassword: (\S{16,})\n", changed.output)
    assert found, changed.output
    assert is_user(found[1])
    assert not is_user(PASSWORD)


@pytest.mark.passwords
@pytest.mark.usefixtures("alice")
def test_disabled_user_is_marked_and_kept_out(run: Run, is_user: IsUser) -> None:
    assert run("users disable", NAME).output == f"Disabled {NAME}.\n"
    assert run("users list").output == f"{NAME} (disabled)\n"
    assert not is_user(PASSWORD)
    assert run("users enable", NAME).output == f"Enabled {NAME}.\n"
    assert is_user(PASSWORD)


@pytest.mark.passwords
@pytest.mark.usefixtures("alice")
def test_tokens_are_shown_once_listed_and_revoked(run: Run, is_user: IsUser) -> None:
    token = run("users token add --days 2", NAME, "backup").output.strip()
    assert is_user("", token)
    listed = run("users token list", NAME).output
    found = re.fullmatch(r"(\d+)\tbackup\t20\d\d-\d\d-\d\d\n", listed)
    assert found, listed
    assert token not in listed
    revoked = run("users token revoke", NAME, found[1])
    assert revoked.output == f"Revoked token {found[1]} of {NAME}.\n"
    assert not is_user("", token)


@pytest.mark.passwords
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


@pytest.mark.everywhere
def test_schema_is_undone_and_applied(run: Run, database: tuple[str, str]) -> None:
    assert run("users list").exit_code == 0
    assert run("db check").exit_code == 0
    assert run("db downgrade", "base").exit_code == 0
    assert run("db check").exit_code == 1
    listed = run("users list")
    if database[1]:
        assert listed.exit_code == 1
        assert "quart db upgrade" in listed.output
    assert run("db upgrade").exit_code == 0
    assert run("users list").output == ""


def test_database_that_does_not_answer_is_named(
    config: dict[str, Any], package: ModuleType
) -> None:
    config["DATABASE_URL"] = "postgresql://someone:hidden@localhost:1/nothing"
    result = package.create_app(config).test_cli_runner().invoke(args=["users", "list"])
    assert result.exit_code == 1
    assert re.fullmatch(r"Error: DATABASE_URL=[^\n]+does not answer[^\n]+\n", result.output)
    assert "hidden" not in result.output


@pytest.mark.passwords
@pytest.mark.promise(42, asvs="16.2.1, 16.3.1, 16.3.3")
def test_each_change_by_a_command_is_logged_with_who_made_it(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run("users add --password-stdin", NAME, stdin=PASSWORD + "\n")
    token = run("users token add", NAME, "backup").output.strip()
    number = run("users token list", NAME).output.partition("\t")[0]
    run("users token revoke", NAME, number)
    changed = run("users passwd --random-password", NAME).output.rpartition(" ")[2].strip()
    run("users disable", NAME)
    run("users enable", NAME)
    run("users rename", NAME, "bob")
    run("users delete --yes", "bob")
    for failing in ("users disable", "users delete --yes", "users token list"):
        assert run(failing, "bob").exit_code == 1
    lines = [json.loads(one.getMessage()) for one in caplog.records if one.name == "audit"]
    assert [(line["event"], line["user"]) for line in lines] == [
        ("user added", NAME),
        ("API token added", NAME),
        ("API token revoked", NAME),
        ("password changed", NAME),
        ("user disabled", NAME),
        ("user enabled", NAME),
        ("user renamed", NAME),
        ("user deleted", "bob"),
    ]
    assert {line["by"] for line in lines} == {f"command line, {getpass.getuser()}"}
    for secret in (PASSWORD, token, changed):
        assert secret
        assert secret not in caplog.text


@pytest.mark.passwords
@pytest.mark.promise(42, asvs="16.2.1")
def test_log_does_not_say_who_typed_a_name_differently(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run("users add --password-stdin", NAME, stdin=PASSWORD + "\n")
    for command in ("users disable", "users enable", "users delete --yes"):
        assert run(command, f" {NAME.upper()}").exit_code == 0
    lines = [json.loads(one.getMessage()) for one in caplog.records if one.name == "audit"]
    assert {line["user"] for line in lines} == {NAME}


@pytest.mark.passwords
@pytest.mark.usefixtures("alice")
def test_user_is_shown_renamed_and_deleted(run: Run) -> None:
    run("users token add", NAME, "backup")
    shown = run("users show", NAME).output
    assert re.fullmatch(r"alice\nid: \d+\nactive: yes\ntoken: backup\n", shown)
    assert run("users rename", NAME, "Bob").output == "Renamed alice to Bob.\n"
    assert run("users list").output == "Bob\n"
    kept = run("users delete", "bob", stdin="n\n")
    assert kept.exit_code == 1
    assert run("users delete --yes", "bob").output == "Deleted bob.\n"
    assert run("users list").output == ""
    assert run("users clean").output == "Deleted 0 expired rows.\n"


def test_env_is_made_once_with_a_key_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    missing = CliRunner().invoke(dotenv)
    assert (missing.exit_code, missing.output.count("\n")) == (1, 1)
    assert ".env.example" in missing.output
    (tmp_path / ".env.example").write_text("# why\nSECRET_KEY=\nLOG_LEVEL=\n")
    assert CliRunner().invoke(dotenv).output == "Made .env with a fresh key.\n"
    made = (tmp_path / ".env").read_text()
    assert re.fullmatch(r"# why\nSECRET_KEY=[\w-]{86}\nLOG_LEVEL=\n", made)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    again = CliRunner().invoke(dotenv)
    assert (again.exit_code, again.output) == (
        1,
        "Error: There is a .env already; it stays as it is.\n",
    )
    assert (tmp_path / ".env").read_text() == made
