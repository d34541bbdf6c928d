"""Who somebody is here, by what the provider says of them."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from accounts import BackendUnavailable
from browser import NAME, PASSWORD, Browser
from provider import ISSUER, Provider
from quart import Quart

Come = Callable[..., Awaitable[Browser]]


@pytest.fixture
def come(app: Quart, provider: Provider) -> Come:
    """Log in, at the first time perhaps, as somebody of whom the provider says this."""

    async def come(name: str, /, **claims: Any) -> Browser:
        provider.people[name], provider.claims[name] = PASSWORD, claims
        browser = Browser(app)
        await browser.login(name)
        return browser

    return come


async def test_person_is_known_by_subject_whatever_their_name(come: Come, users: Any) -> None:
    assert await (await come("bob", sub="1")).is_logged_in()
    first = (await users.find("bob")).id
    assert await (await come("bob", sub="1", preferred_username="Robert")).is_logged_in()
    assert (await users.find("robert")).id == first
    # Who takes over the name there is not who had it.
    assert await (await come("bob", sub="2")).is_logged_in()
    assert (await users.find("bob")).id != first


@pytest.mark.settings(OIDC_LINK_BY="nothing")
async def test_user_who_is_there_is_not_taken_over_by_name(come: Come, caplog: Any) -> None:
    thief = await come(NAME)
    assert not await thief.is_logged_in()
    assert "not linked to this login" in caplog.text


@pytest.mark.settings(OIDC_LINK_BY="email")
async def test_user_is_taken_over_by_a_verified_address_alone(
    come: Come, users: Any, app: Quart, db_change: Any
) -> None:
    await db_change(NAME, email="a@example.org")
    alice = (await users.find(NAME)).id
    for verified in (None, False, "no", 1):
        thief = await come("thief", email="a@example.org", email_verified=verified)
        assert (await users.find("thief")).id != alice
        assert (await users.find("thief")).email is None
        assert await thief.is_logged_in()
    owner = await come("ann", email="a@example.org", email_verified=True)
    assert await owner.is_logged_in()
    assert (await users.find("ann")).id == alice
    # The second who claims it is somebody else.
    other = await come("eve", email="a@example.org", email_verified=True)
    assert not await other.is_logged_in()


@pytest.fixture
def db_change(app: Quart) -> Callable[..., Awaitable[None]]:
    """Change the columns of a user."""

    async def change(name: str, **values: Any) -> None:
        async with app.app_context():
            app.extensions["accounts"].users._change(name, values)

    return change


async def test_disabled_user_stays_out_whatever_the_provider_says(come: Come, users: Any) -> None:
    assert await (await come("bob")).is_logged_in()
    await users.set_active("bob", False)
    assert not await (await come("bob")).is_logged_in()


@pytest.mark.parametrize("name", ["x" * 65, "a\0b", "a\nb", "\u202e", " "])
async def test_name_that_cannot_be_kept_is_refused_in_words(
    name: str, come: Come, caplog: Any
) -> None:
    browser = await come("bob", preferred_username=name, name=name)
    # Spaces alone are no name, and the next claim is one.
    assert await browser.is_logged_in() == (name == " ")
    assert name == " " or "printable characters" in caplog.text


async def test_claims_of_odd_kinds_are_left_out_or_refused(come: Come, users: Any) -> None:
    for odd in (None, 1, [], {}, [1], True):
        browser = await come("bob", email=odd, email_verified=True, preferred_username=odd)
        assert await browser.is_logged_in(), odd
    for odd in ("x" * 256, "a\0b", "\x1b[2J"):
        assert not await (await come("bob", email=odd, email_verified=True)).is_logged_in()
    assert (await users.find("id of bob")).email is None


@pytest.mark.settings(OIDC_COMPANY_REQUIRES="groups=staff,hd=example.org")
async def test_only_who_has_all_that_is_required_comes_in(come: Come, users: Any) -> None:
    for claims in ({}, {"groups": ["staff"]}, {"groups": "staffers", "hd": "example.org"}):
        browser = await come("bob", **claims)
        assert not await browser.is_logged_in()
    assert "bob" not in [user.name for user in await users.all()]
    assert await (await come("bob", groups=["x", "staff"], hd="example.org")).is_logged_in()


async def test_roles_are_found_in_claims_within_claims(come: Come, users: Any) -> None:
    part = users.part
    part.config["OIDC_ROLES"] = [("admins", "admin"), ("*", "member")]
    part.config["OIDC_ROLES_CLAIM"] = "realm_access.roles"
    settings = part.providers["company"]
    for found, role in (
        ({"realm_access": {"roles": ["x", "admins"]}}, "admin"),
        ({"realm_access.roles": "admins"}, "admin"),
        ({"realm_access": ["admins"]}, "member"),
        ({}, "member"),
    ):
        person = part.person(settings, {"sub": "1", **found})
        assert person.columns["role"] == role
    many = {"sub": "1", "realm_access": {"roles": [f"g{n}" for n in range(10_000)]}}
    assert part.person(settings, many).columns["role"] == "member"


async def test_origins_go_with_the_logins_that_they_belong_to(
    come: Come, users: Any, store: Any, clock: Any
) -> None:
    await come("bob", sid="1")
    bob = (await users.find("bob")).id
    [login] = await store.sessions_of(bob)
    origin = await store.origin_of(login.id)
    assert (origin.issuer, origin.subject, origin.sid) == (ISSUER, "id of bob", "1")
    assert origin.id_token is None
    assert await store.spend(ISSUER, "1", int(time.time()) + 10)
    assert await store.clean() == 0
    clock.advance(13 * 60 * 60)
    assert await store.clean() == 3  # The login, where it was made, and the token.


async def test_login_that_its_provider_could_not_end_is_none(
    serving: Quart, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise BackendUnavailable("The database is gone.")

    monkeypatch.setattr(serving.extensions["accounts"].store, "keep_origin", fail)
    assert (await browser.login()).status_code == 503
    assert not await browser.is_logged_in()


@pytest.mark.settings(OIDC_KEEP_ID_TOKEN="yes")
async def test_id_token_is_kept_where_it_is_asked_for(come: Come, users: Any, store: Any) -> None:
    await come("bob")
    [login] = await store.sessions_of((await users.find("bob")).id)
    assert (await store.origin_of(login.id)).id_token.count(".") == 2


async def test_remembered_login_ends_with_that_at_the_provider(
    users: Any, store: Any, load: Any
) -> None:
    from accounts.oidc.store import Origin
    from accounts.records import Client

    alice, here = (await users.find(NAME)).id, Client("192.0.2.1", "a browser")
    login = await store.start(alice, here, remember=True, ends=None)
    await store.keep_origin(alice, login.session_id, Origin(ISSUER, "1", "s", None))
    resumed = await store.resume(login.remember_token, here)
    assert await store.end_origin(ISSUER, None, "s") == [alice]
    assert await load(resumed.login.token) is None
    assert await store.resume(resumed.login.remember_token, here) is None
