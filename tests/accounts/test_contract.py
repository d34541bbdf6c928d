"""The contract of where users come from and where logins are kept; it holds for any."""

import time
from typing import Any

import pytest
from accounts import AccountError
from accounts.records import REMEMBER_GRACE, Client, CurrentLogin
from browser import NAME, PASSWORD
from rendered import Clock

pytestmark = pytest.mark.everywhere

BROWSER = Client("192.0.2.1", "a browser")
OTHER = Client("192.0.2.2", "another browser")
FUTURE = int(time.time()) + 1000
HOUR, DAY = 60 * 60, 24 * 60 * 60


@pytest.fixture
async def alice(users: Any) -> Any:
    """The user."""
    return await users.find(NAME)


@pytest.fixture
def start(store: Any, alice: Any) -> Any:
    """Log alice in."""

    async def start(remember: bool = False, ends: int | None = None) -> CurrentLogin:
        login: CurrentLogin = await store.start(alice.id, BROWSER, remember=remember, ends=ends)
        return login

    return start


@pytest.mark.form
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


@pytest.mark.form
@pytest.mark.parametrize("name", ["ALICE", " alice ", "\uff41\uff4c\uff49\uff43\uff45"])
async def test_spelling_of_a_name_does_not_make_another_account(users: Any, name: str) -> None:
    assert (await users.authenticate(name, PASSWORD)).name == NAME
    with pytest.raises(AccountError, match="already"):
        await users.add(name, PASSWORD)


async def test_names_of_other_letters_are_other_accounts(users: Any) -> None:
    for name in ("\u00e1lice", "alic\u00e9", "al\u0131ce", "alice\u00df"):
        await users.add(name, PASSWORD)
        assert (await users.find(name)).name == name
    assert (await users.find(NAME)).name == NAME


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\0b", "\ud800", "x" * 65])
async def test_unusable_name_is_refused(users: Any, name: str) -> None:
    with pytest.raises(AccountError, match="printable"):
        await users.add(name, PASSWORD)


@pytest.mark.passwords
@pytest.mark.parametrize("password", ["", "short", "password", "PASSWORD1", "x" * 1025])
async def test_weak_password_is_refused(users: Any, password: str) -> None:
    with pytest.raises(AccountError, match="password"):
        await users.add("bob", password)
    assert "bob" not in [user.name for user in await users.all()]


async def test_users_are_listed_by_name(users: Any) -> None:
    await users.add("zoe", PASSWORD)
    await users.add("bob", PASSWORD)
    names = [user.name for user in await users.all()]
    assert names == sorted(names)
    assert {"alice", "bob", "zoe"} <= set(names)


@pytest.mark.form
async def test_disabled_user_is_out_until_enabled(users: Any, start: Any, load: Any) -> None:
    login = await start()
    await users.set_active(NAME, False)
    assert await users.authenticate(NAME, PASSWORD) is None
    assert await load(login.token) is None
    assert not (await users.find(NAME)).is_active
    await users.set_active(NAME, True)
    assert await users.authenticate(NAME, PASSWORD)


@pytest.mark.form
async def test_new_password_takes_the_place_of_the_old(users: Any) -> None:
    await users.set_password(NAME, "another long one")
    assert await users.authenticate(NAME, PASSWORD) is None
    assert await users.authenticate(NAME, "another long one")


@pytest.mark.form
async def test_renamed_user_is_the_same_with_another_name(users: Any, alice: Any) -> None:
    await users.rename(NAME, "Alice B.")
    assert (await users.authenticate("alice b.", PASSWORD)).id == alice.id
    assert await users.authenticate(NAME, PASSWORD) is None
    await users.add("bob", PASSWORD)
    for taken in ("BOB", " bob"):
        with pytest.raises(AccountError, match="already"):
            await users.rename("Alice B.", taken)
    await users.rename("Alice B.", "ALICE B.")
    assert (await users.find("alice b.")).name == "ALICE B."


async def test_deleted_user_is_gone_with_all_that_refers_to_them(
    users: Any, store: Any, start: Any, load: Any, alice: Any
) -> None:
    login = await start(remember=True)
    token = await store.add_token(alice.id, "backup", FUTURE)
    await users.delete(NAME)
    assert await users.get(alice.id) is None
    assert await load(login.token) is None
    resumed = await store.resume(login.remember_token, OTHER)
    assert resumed is None or await users.get(resumed.user_id) is None
    owner = await store.token_owner(token)
    assert owner is None or await users.get(owner) is None
    again = await users.add(NAME, PASSWORD)
    assert await load(login.token) is None
    assert await store.sessions_of(again.id) == []


@pytest.mark.form
async def test_changes_to_nobody_are_refused(users: Any) -> None:
    for change in (
        users.find("nobody"),
        users.set_password("nobody", PASSWORD),
        users.set_active("nobody", True),
        users.rename("nobody", "somebody"),
        users.delete("nobody"),
    ):
        with pytest.raises(AccountError, match="nobody"):
            await change


async def test_login_is_loaded_by_its_token_and_listed(
    store: Any, start: Any, load: Any, alice: Any
) -> None:
    login = await start()
    loaded = await load(login.token)
    assert (loaded.name, loaded.current_login.session_id) == (NAME, login.session_id)
    assert await load(login.token + "x") is None
    (listed,) = await store.sessions_of(alice.id)
    assert (listed.id, listed.address, listed.user_agent) == (
        login.session_id,
        BROWSER.address,
        BROWSER.user_agent,
    )


async def test_login_can_be_ended_by_its_owner_alone(
    users: Any, store: Any, start: Any, load: Any, alice: Any
) -> None:
    bob, login = await users.add("bob", PASSWORD), await start(remember=True)
    await store.end(bob.id, login.session_id)
    assert await load(login.token)
    await store.end(alice.id, login.session_id)
    assert await load(login.token) is None
    assert await store.resume(login.remember_token, OTHER) is None


async def test_new_login_ends_the_one_it_replaces(start: Any, load: Any) -> None:
    first, other = await start(), await start()
    second = await start(ends=first.session_id)
    assert await load(first.token) is None
    assert await load(other.token)
    assert await load(second.token)


async def test_all_logins_of_a_user_end_together_and_tokens_if_asked(
    users: Any, store: Any, start: Any, load: Any, alice: Any
) -> None:
    bob = await users.add("bob", PASSWORD)
    kept = await store.start(bob.id, BROWSER, remember=True, ends=None)
    one, other = await start(), await start(remember=True)
    token = await store.add_token(alice.id, "backup", FUTURE)
    await store.end_all(alice.id)
    assert await store.sessions_of(alice.id) == []
    assert await load(one.token) is None
    assert await load(other.token) is None
    assert await store.resume(other.remember_token, OTHER) is None
    assert await store.token_owner(token) == alice.id
    await store.end_all(alice.id, tokens=True)
    assert await store.token_owner(token) is None
    assert (await load(kept.token)).name == "bob"
    assert (await store.resume(kept.remember_token, OTHER)).login


async def test_remember_token_is_exchanged_for_a_login_of_its_own(
    store: Any, start: Any, load: Any, alice: Any
) -> None:
    login = await start(remember=True)
    resumed = await store.resume(login.remember_token, OTHER)
    assert resumed.user_id == alice.id
    assert resumed.login.remember_token not in (None, login.remember_token)
    assert (await load(resumed.login.token)).current_login.session_id == resumed.login.session_id
    listed = {one.id: one.address for one in await store.sessions_of(alice.id)}
    assert listed == {login.session_id: BROWSER.address, resumed.login.session_id: OTHER.address}
    assert (await store.resume(resumed.login.remember_token, OTHER)).login


async def test_spent_token_is_exchanged_again_within_the_grace_and_ends_all_after_it(
    store: Any, start: Any, load: Any, alice: Any, clock: Clock
) -> None:
    login, apart = await start(remember=True), await start()
    first = await store.resume(login.remember_token, BROWSER)
    clock.advance(REMEMBER_GRACE - 5)
    second = await store.resume(login.remember_token, OTHER)
    assert second.login
    assert await load(first.login.token)
    clock.advance(10)
    stolen = await store.resume(login.remember_token, OTHER)
    assert (stolen.user_id, stolen.login) == (alice.id, None)
    for ended in (login, first.login, second.login):
        assert await load(ended.token) is None
    for token in (login, first.login, second.login):
        assert await store.resume(token.remember_token, OTHER) is None
    assert await load(apart.token)


async def test_login_ends_when_unused_and_in_any_case(start: Any, load: Any, clock: Clock) -> None:
    login = await start()
    clock.advance(119 * 60)
    assert await load(login.token)
    clock.advance(119 * 60)
    assert await load(login.token)
    clock.advance(121 * 60)
    assert await load(login.token) is None

    login = await start()
    for _ in range(12):
        clock.advance(HOUR - 5)
        assert await load(login.token)
    clock.advance(65)
    assert await load(login.token) is None


async def test_remembered_login_outlasts_the_others_but_not_for_ever(
    store: Any, start: Any, load: Any, alice: Any, clock: Clock
) -> None:
    plain, login = await start(), await start(remember=True)
    clock.advance(29 * DAY)
    assert await load(plain.token) is None
    assert [one.id for one in await store.sessions_of(alice.id)] == [login.session_id]
    login = (await store.resume(login.remember_token, BROWSER)).login
    assert await load(login.token)
    clock.advance(2 * DAY)
    assert await store.resume(login.remember_token, BROWSER) is None
    assert await store.sessions_of(alice.id) == []


async def test_known_browser_is_known_to_one_account_for_a_year(store: Any, clock: Clock) -> None:
    token = await store.know_browser("alice")
    known = await store.known_browser("alice", token)
    assert isinstance(known, int)
    assert await store.known_browser("alice", token + "x") is None
    assert await store.known_browser("bob", token) is None
    other = await store.know_browser("alice")
    assert await store.known_browser("alice", other) != known
    clock.advance(366 * DAY)
    assert await store.known_browser("alice", token) is None


async def test_api_token_works_until_it_expires_or_is_revoked(
    users: Any, store: Any, alice: Any, clock: Clock
) -> None:
    bob = await users.add("bob", PASSWORD)
    token = await store.add_token(alice.id, "backup", FUTURE)
    other = await store.add_token(alice.id, "archive", FUTURE)
    assert await store.token_owner(token) == alice.id
    archive, backup = await store.tokens_of(alice.id)
    assert (archive.label, backup.label, backup.expires_at) == ("archive", "backup", FUTURE)
    assert not await store.revoke_token(bob.id, backup.id)
    assert await store.revoke_token(alice.id, backup.id)
    assert await store.token_owner(token) is None
    assert not await store.revoke_token(alice.id, backup.id)
    clock.advance(2000)
    assert await store.token_owner(other) is None


async def test_what_has_expired_is_cleaned_up_and_nothing_else(
    store: Any, start: Any, load: Any, alice: Any, clock: Clock
) -> None:
    await start()
    await start(remember=True)
    await store.add_token(alice.id, "backup", int(time.time()) + 100)
    await store.know_browser("alice")
    assert await store.clean() == 0
    clock.advance(31 * DAY)
    assert await store.clean() == 4
    live = await start(remember=True)
    assert await load(live.token)
    assert await store.clean() == 0
    assert [one.id for one in await store.sessions_of(alice.id)] == [live.session_id]
    clock.advance(366 * DAY)
    assert await store.clean() == 3


async def test_store_answers(store: Any) -> None:
    await store.ping()
