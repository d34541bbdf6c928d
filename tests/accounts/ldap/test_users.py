"""Users of a directory, as the app knows them: rows, checks after the login, and refusals."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from accounts import ConfigError
from accounts.ldap.connection import Conversation
from accounts.sql import SqlUsers
from browser import NAME, PASSWORD, Browser
from directory import BASE, READER, Directory, dn_of, serve_directory
from flask_patch import greenlet_spawn
from quart import Quart
from visits import Part

ALICE = dn_of(NAME)


def audited(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the events of the audit log."""
    return [json.loads(r.getMessage())["event"] for r in caplog.records if r.name == "audit"]


@pytest.fixture
def due(app: Quart, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let it be time to ask the directory again."""
    return app.extensions["accounts"].users._looked_at.clear


async def test_row_has_what_the_directory_says(
    users: Any, directory: Directory, browser: Browser
) -> None:
    directory.set(ALICE, "mail", "alice@example.org")
    await browser.login()
    row = await users.find(NAME)
    assert (row.email, row.password) == ("alice@example.org", "")
    directory.set(ALICE, "mail")
    await browser.login()
    assert (await users.find(NAME)).id == row.id


async def test_renamed_person_keeps_their_row(
    users: Any, directory: Directory, member: Browser, due: Any
) -> None:
    row = await users.find(NAME)
    directory.change(f"dn: {ALICE}\nchangetype: modrdn\nnewrdn: uid=ally\ndeleteoldrdn: 1\n")
    due()
    assert await member.is_logged_in()
    assert "Logged in as: ally" in await member.text(await member.get("/protected"))
    assert (await users.find("ally")).id == row.id


@pytest.mark.promise(48, asvs="7.4.2, 16.3.1")
@pytest.mark.parametrize("way", ["deleted", "locked", "without a name"])
async def test_person_who_may_no_more_is_out_at_the_next_check(
    way: str,
    directory: Directory,
    member: Browser,
    browser: Browser,
    bearer: dict[str, str],
    due: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if way == "deleted":
        directory.delete(ALICE)
    elif way == "locked":
        directory.set(ALICE, "pwdAccountLockedTime", "000001010000Z")
    else:
        directory.change(f"dn: {ALICE}\nchangetype: modrdn\nnewrdn: cn=alice\ndeleteoldrdn: 1\n")
    assert await member.is_logged_in()
    assert (await browser.get("/protected", headers=bearer)).status_code == 200
    due()
    assert not await member.is_logged_in()
    assert (await browser.get("/protected", headers=bearer)).status_code == 401
    assert "login withdrawn" in audited(caplog)
    assert (await browser.login()).status_code == 401


@pytest.mark.promise(49, asvs="6.3.8")
async def test_refusals_are_the_same_after_one_bind_each(
    users: Any, directory: Directory, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    binds, bind = [], Conversation.bind

    def counted(talk: Conversation, dn: str, password: str) -> bool:
        binds.append(dn)
        return bind(talk, dn, password)

    monkeypatch.setattr(Conversation, "bind", counted)
    directory.add_person("bob", PASSWORD)
    directory.set(dn_of("bob"), "pwdAccountLockedTime", "000001010000Z")
    answers = set()
    for name, password in ((NAME, "wrong"), ("nobody", PASSWORD), ("bob", PASSWORD)):
        binds.clear()
        response = await browser.login(name, password)
        assert response.status_code == 401
        page = await browser.text(response)
        answers.add(re.sub(r'(name="csrf_token" value=)"[^"]+"', r"\1", page))
        reader, asked = binds
        assert (reader, asked.endswith(BASE)) == (READER, True)
    assert len(answers) == 1


async def test_many_requests_at_a_time_ask_once(
    app: Quart, member: Browser, due: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, asked = app.extensions["accounts"].users.directory, []
    find = directory.find

    async def counted(subject: str) -> Any:
        asked.append(subject)
        return await find(subject)

    monkeypatch.setattr(directory, "find", counted)
    due()
    assert all(await asyncio.gather(*(member.is_logged_in() for _ in range(10))))
    assert len(asked) == 1


@pytest.mark.promise(49, asvs="2.2.1, 16.3.1")
async def test_odd_answers_are_refused_in_words_and_audited(
    users: Any, directory: Directory, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    directory.set(ALICE, "mail", "alice@example.org")
    await browser.login()
    directory.add_person("bob", PASSWORD, "mail: alice@example.org")  # hers
    directory.add_person("carol", PASSWORD, f"mail: {'x' * 300}@example.org")
    directory.add_person("x" * 65, PASSWORD)
    for name in ("bob", "carol", "x" * 65):
        response = await browser.login(name, PASSWORD)
        assert response.status_code == 401
        assert "Wrong user name or password." in await browser.text(response)
    assert audited(caplog).count("login refused") == 2  # nobody is called by 65 characters
    assert [user.name for user in await users.all()] == [NAME]


@pytest.mark.promise(47, asvs="6.2.8")
async def test_password_is_taken_as_it_is(users: Any) -> None:
    for password in ("caf\u00e9 caf\u00e9", "\u00ad soft", "\u2168 nine", "\ue000 \u0378 odd"):
        await users.set_password(NAME, password)
        assert await users.authenticate(NAME, password)
        for other in ("cafe\u0301 cafe\u0301", " soft", "IX nine"):
            assert await users.authenticate(NAME, other) is None


async def test_disabled_here_is_out_whatever_the_directory_says(
    users: Any, browser: Browser
) -> None:
    await users.set_active(NAME, False)
    assert (await browser.login()).status_code == 401
    await users.set_active(NAME, True)
    assert (await browser.login()).status_code == 303


async def test_there_is_no_page_for_passwords(member: Browser) -> None:
    assert (await member.get("/account/password")).status_code == 404
    assert "Password" not in await member.text(await member.get("/home"))


@pytest.fixture
def own(tmp_path: Path, given: dict[str, Any]) -> Iterator[Directory]:
    """A directory that the test may stop."""
    with serve_directory(tmp_path) as directory:
        directory.add_person("zoe", PASSWORD)
        given.update(directory.settings)
        yield directory


@pytest.fixture
async def away(own: Directory, config: dict[str, Any], package: Any) -> Any:
    """An app that asks the directory which the test may stop."""
    app = package.create_app(config)
    async with app.test_app():
        yield app


@pytest.mark.promise(44, asvs="16.5.2, 16.5.3")
async def test_unreachable_directory_is_503_and_no_attempt(
    own: Directory, away: Quart, caplog: pytest.LogCaptureFixture
) -> None:
    zoe, other, leaving = Browser(away), Browser(away), Browser(away)
    for browser in (zoe, leaving):
        assert (await browser.login("zoe")).status_code == 303
    token = await leaving.token()
    own.stop()
    for _ in range(8):
        response = await other.login("zoe")
        assert response.status_code == 503
    assert "out of reach" in await other.text(response)
    assert f"The directory {own.url}" in caplog.text
    # Who is logged in stays so until it is time to look.
    assert await zoe.is_logged_in()
    away.extensions["accounts"].users._looked_at.clear()
    assert (await zoe.get("/protected")).status_code == 503
    # Who leaves is not asked about.
    assert (await leaving.post("/logout", form={"csrf_token": token})).status_code == 303
    own.start()
    assert not await leaving.is_logged_in()
    assert await zoe.is_logged_in()
    assert (await other.login("zoe")).status_code == 303


async def test_account_that_was_there_is_linked_where_asked(
    app: Quart, directory: Directory, browser: Browser, users: Any, caplog: pytest.LogCaptureFixture
) -> None:
    former = Part(app, SqlUsers(app.extensions["sqlalchemy"], users.part.model))
    bob = await former.add("bob", "the former password")
    directory.add_person("bob", PASSWORD)
    assert (await browser.login("bob", "the former password")).status_code == 401
    assert (await browser.login("bob", PASSWORD)).status_code == 401
    assert "not linked" in caplog.text
    users.part._link_by = "name"
    assert (await browser.login("bob", PASSWORD)).status_code == 303
    assert (await users.find("bob")).id == bob.id
    assert (await users.find("bob")).password == ""


@pytest.mark.promise(50, asvs="13.1.1")
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("LDAP_URL", "http://localhost"),
        ("LDAP_URL", "ldaps://"),
        ("LDAP_URL", "ldaps://host:port"),
        ("LDAP_URL", "ldaps://host/dc=example"),
        ("LDAP_URL", "ldaps://user:hidden@host"),
        ("LDAP_URL", ""),
        ("LDAP_BASE", "nonsense"),
        ("LDAP_BASE", ""),
        ("LDAP_TIMEOUT", "soon"),
        ("LDAP_STARTTLS", "perhaps"),
        ("LDAP_CA_FILE", "/nowhere/ca.pem"),
        ("LDAP_USER_FILTER", "(uid=name)"),
        ("LDAP_USER_FILTER", "(uid={name}"),
        ("LDAP_USER_FILTER", "(&(uid={name})(nonsense))"),
        ("LDAP_ID_ATTRIBUTE", "a b"),
        ("LDAP_ATTRIBUTES", "mail"),
        ("LDAP_ATTRIBUTES", "mail=nowhere"),
        ("LDAP_ATTRIBUTES", "mail=password"),
        ("LDAP_ATTRIBUTES", "mail=active"),
        ("LDAP_GROUP_ROLES", "admin"),
        ("LDAP_GROUP_ROLES", "admin=nonsense"),
        ("LDAP_ROLE_COLUMN", "key"),
        ("LDAP_LINK_BY", "luck"),
        ("LDAP_CHECK_INTERVAL", "often"),
    ],
)
def test_unusable_setting_is_named_with_the_way_out(
    setting: str,
    value: str,
    config: dict[str, Any],
    package: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if setting == "LDAP_ROLE_COLUMN":
        config["LDAP_GROUP_ROLES"] = "member=*"
    monkeypatch.delenv(setting, raising=False)
    with pytest.raises(ConfigError) as fault:
        package.create_app({**config, setting: value})
    assert setting in fault.value.message
    assert "hidden" not in fault.value.message


@pytest.mark.promise(45, asvs="12.3.1")
def test_way_to_another_machine_is_encrypted_unless_asked(
    config: dict[str, Any], package: Any
) -> None:
    def start_tls(url: str, **more: str) -> bool:
        app = package.create_app({**config, "LDAP_URL": url, **more})
        (server,) = app.extensions["accounts"].users.directory.servers
        return bool(server.start_tls or server.tls)

    assert start_tls("ldap://directory.example.org")
    assert start_tls("ldaps://directory.example.org", LDAP_STARTTLS="0")
    assert start_tls("ldap://localhost", LDAP_STARTTLS="1")
    assert not start_tls("ldap://localhost")
    assert not start_tls("ldap://directory.example.org", LDAP_STARTTLS="0")


def test_command_says_what_it_saw_of_the_directory(
    config: dict[str, Any], package: Any, directory: Directory
) -> None:
    def check(**settings: str) -> Any:
        runner = package.create_app({**config, **settings}).test_cli_runner()
        return runner.invoke(args=["users", "check"])

    directory.add_person("bob", PASSWORD)
    result = check()
    assert result.exit_code == 0, result.output
    assert "bound as cn=reader" in result.output
    assert "found in dc=example,dc=org by (uid=*): 1 people" in result.output
    result = check(LDAP_URL=f"ldaps://localhost:1,{directory.url}")
    assert result.exit_code == 1
    assert "1 people" in result.output
    assert "ldaps://localhost:1" in result.output
    for name in ("add", "passwd"):
        runner = package.create_app(config).test_cli_runner()
        assert "No such command" in runner.invoke(args=["users", name, "bob"]).output


def test_command_says_that_another_backend_asks_no_directory(
    config: dict[str, Any], package: Any
) -> None:
    app = package.create_app(config)
    app.extensions["accounts"] = replace(app.extensions["accounts"], users=object())
    result = app.test_cli_runner().invoke(args=["users", "check"])
    assert result.output == "Error: Users do not come from a directory here.\n"


async def test_commands_manage_the_rows(
    config: dict[str, Any], package: Any, directory: Directory
) -> None:
    def quart(*words: str) -> str:
        result = package.create_app(config).test_cli_runner().invoke(args=["users", *words])
        assert result.exit_code == 0, result.output
        return str(result.output)

    directory.add_person("bob", PASSWORD)
    app = package.create_app(config)
    async with app.test_app():
        users = Part(app, app.extensions["accounts"].users)
        assert await users.authenticate("bob", PASSWORD)
    assert await greenlet_spawn(quart, "list") == "bob\n"
    token = (await greenlet_spawn(quart, "token", "add", "bob", "backup")).strip()
    assert len(token) > 20
    assert "token: backup" in await greenlet_spawn(quart, "show", "bob")
    await greenlet_spawn(quart, "disable", "bob")
    async with app.test_app():
        assert await users.authenticate("bob", PASSWORD) is None
    await greenlet_spawn(quart, "enable", "bob")
    await greenlet_spawn(quart, "delete", "bob", "--yes")
    assert await greenlet_spawn(quart, "list") == ""
