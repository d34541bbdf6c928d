"""The contract of a user backend; it holds for any."""

import time
from importlib import import_module
from typing import Any

import pytest
from conftest import NAME, PACKAGE, PASSWORD

UserError = import_module(f"{PACKAGE.__name__}.users").UserError
BROWSER = {"address": "192.0.2.1", "user_agent": "a browser"}
FUTURE = int(time.time()) + 1000


async def start(users: Any, remember: bool = False) -> Any:
    user = await users.authenticate(NAME, PASSWORD)
    return await users.sessions.start(user, **BROWSER, remember=remember)


async def test_user_is_known_by_name_and_password(users: Any) -> None:
    user = await users.authenticate(NAME, PASSWORD)
    assert user.name == NAME
    assert (await users.get(user.id)).name == NAME


@pytest.mark.parametrize(
    ("name", "password"),
    [(NAME, "wrong"), (NAME, ""), ("nobody", PASSWORD), ("", PASSWORD), ("a\0b", PASSWORD)],
)
async def test_others_are_not(users: Any, name: str, password: str) -> None:
    assert await users.authenticate(name, password) is None
    assert await users.get(-1) is None


@pytest.mark.parametrize("name", ["ALICE", " alice ", "\uff41\uff4c\uff49\uff43\uff45"])
async def test_spelling_of_a_name_does_not_make_another_account(users: Any, name: str) -> None:
    assert (await users.authenticate(name, PASSWORD)).name == NAME
    with pytest.raises(UserError, match="already"):
        await users.add(name, PASSWORD)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\0b", "\ud800", "x" * 65])
async def test_unusable_name_is_refused(users: Any, name: str) -> None:
    with pytest.raises(UserError, match="printable"):
        await users.add(name, PASSWORD)


@pytest.mark.parametrize("password", ["", "short", "password", "PASSWORD1", "x" * 1025])
async def test_weak_password_is_refused(users: Any, password: str) -> None:
    with pytest.raises(UserError, match="password"):
        await users.add("bob", password)
    assert "bob" not in [user.name for user in await users.all()]


async def test_users_are_listed_by_name(users: Any) -> None:
    await users.add("zoe", PASSWORD)
    await users.add("bob", PASSWORD)
    names = [user.name for user in await users.all()]
    assert names == sorted(names)
    assert {"alice", "bob", "zoe"} <= set(names)


async def test_disabled_user_is_out_until_enabled(users: Any) -> None:
    user = await start(users)
    await users.set_active(NAME, False)
    assert await users.authenticate(NAME, PASSWORD) is None
    assert await users.sessions.load(user.session_token) is None
    await users.set_active(NAME, True)
    assert await users.sessions.load(user.session_token) is None
    assert await users.authenticate(NAME, PASSWORD)


async def test_new_password_ends_all_logins(users: Any) -> None:
    user = await start(users, remember=True)
    await users.set_password(NAME, "another long one")
    assert await users.sessions.load(user.session_token) is None
    assert await users.sessions.resume(user.remember_token) is None
    assert await users.authenticate(NAME, PASSWORD) is None
    assert await users.authenticate(NAME, "another long one")


async def test_changes_to_nobody_are_refused(users: Any) -> None:
    for change in (
        users.set_password("nobody", PASSWORD),
        users.set_active("nobody", True),
        users.api_tokens.add("nobody", "label", FUTURE),
        users.api_tokens.of("nobody"),
        users.api_tokens.revoke("nobody", 1),
    ):
        with pytest.raises(UserError, match="nobody"):
            await change


async def test_login_is_loaded_by_its_token_and_listed(users: Any) -> None:
    user = await start(users)
    loaded = await users.sessions.load(user.session_token)
    assert (loaded.name, loaded.session_id) == (NAME, user.session_id)
    assert await users.sessions.load(user.session_token + "x") is None
    (login,) = await users.sessions.of(user)
    assert (login.id, login.address, login.user_agent) == (user.session_id, *BROWSER.values())


async def test_login_can_be_ended_by_its_owner_alone(users: Any) -> None:
    await users.add("bob", PASSWORD)
    bob, alice = await users.authenticate("bob", PASSWORD), await start(users)
    await users.sessions.end(bob, alice.session_id)
    assert await users.sessions.load(alice.session_token)
    await users.sessions.end(alice, alice.session_id)
    assert await users.sessions.load(alice.session_token) is None


async def test_all_logins_of_a_user_end_together(users: Any) -> None:
    one, other = await start(users), await start(users, remember=True)
    await users.sessions.end_all(one)
    assert await users.sessions.of(one) == []
    assert await users.sessions.load(other.session_token) is None
    assert await users.sessions.resume(other.remember_token) is None


async def test_remember_token_is_spent_by_its_use(users: Any) -> None:
    user = await start(users, remember=True)
    resumed = await users.sessions.resume(user.remember_token)
    assert resumed.name == NAME
    assert resumed.remember_token != user.remember_token
    assert await users.sessions.resume(user.remember_token) is None
    assert await users.sessions.load(user.session_token) is None
    assert await users.sessions.load(resumed.session_token)
    assert await users.sessions.resume(resumed.remember_token)


async def test_login_ends_when_unused_and_in_any_case(
    users: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, started = await start(users), time.time()
    monkeypatch.setattr(time, "time", lambda: started + 119 * 60)
    assert await users.sessions.load(user.session_token)
    monkeypatch.setattr(time, "time", lambda: started + 2 * 119 * 60)
    assert await users.sessions.load(user.session_token)
    monkeypatch.setattr(time, "time", lambda: started + 4 * 119 * 60)
    assert await users.sessions.load(user.session_token) is None

    user = await start(users)
    for minutes in range(0, 12 * 60, 60):
        monkeypatch.setattr(
            time, "time", lambda minutes=minutes: started + (4 * 119 + minutes) * 60
        )
        assert await users.sessions.load(user.session_token)
    monkeypatch.setattr(time, "time", lambda: started + (4 * 119 + 12 * 60 + 1) * 60)
    assert await users.sessions.load(user.session_token) is None


async def test_remembered_login_outlasts_the_others_but_not_for_ever(
    users: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, user, started = await start(users), await start(users, remember=True), time.time()
    monkeypatch.setattr(time, "time", lambda: started + 29 * 24 * 60 * 60)
    assert [login.id for login in await users.sessions.of(plain)] == [user.session_id]
    user = await users.sessions.resume(user.remember_token)
    assert await users.sessions.load(user.session_token)
    monkeypatch.setattr(time, "time", lambda: started + 31 * 24 * 60 * 60)
    assert await users.sessions.resume(user.remember_token) is None


async def test_api_token_works_until_it_expires_or_is_revoked(
    users: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await users.api_tokens.add(NAME, "backup", FUTURE)
    other = await users.api_tokens.add(NAME, "archive", FUTURE)
    assert (await users.api_tokens.load(token)).name == NAME
    archive, backup = await users.api_tokens.of(NAME)
    assert (archive.label, backup.label, backup.expires_at) == ("archive", "backup", FUTURE)
    await users.api_tokens.revoke(NAME, backup.id)
    assert await users.api_tokens.load(token) is None
    with pytest.raises(UserError, match="no token"):
        await users.api_tokens.revoke(NAME, backup.id)
    monkeypatch.setattr(time, "time", lambda: FUTURE + 1)
    assert await users.api_tokens.load(other) is None


async def test_api_token_is_dead_while_its_user_is_disabled(users: Any) -> None:
    token = await users.api_tokens.add(NAME, "backup", FUTURE)
    await users.set_active(NAME, False)
    assert await users.api_tokens.load(token) is None
