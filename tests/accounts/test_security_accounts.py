"""Attacks on keys, accounts and passwords."""

import time
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest
from accounts import AccountError, passwords
from accounts.records import Client
from browser import NAME, PASSWORD, Browser
from dotenv import dotenv_values
from quart import Quart, Response
from quart.sessions import SecureCookieSessionInterface
from rendered import RENDER
from visits import Part


def sign(session: dict[str, Any], key: str) -> str:
    signer = Quart("attacker")
    signer.secret_key = key
    serializer = SecureCookieSessionInterface().get_signing_serializer(signer)
    assert serializer
    return str(serializer.dumps(session))


@pytest.fixture
async def login(users: Any, store: Any) -> dict[str, Any]:
    """What the session cookie of a login holds."""
    user = await users.authenticate(NAME, PASSWORD)
    login = await store.start(user.id, Client("", ""), remember=False, ends=None)
    return {"_user_id": login.token, "_fresh": True}


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that passwords are checked against."""
    checked: list[str] = []
    verify = passwords.PasswordHasher.verify

    def count(hasher: Any, stored: str, password: bytes) -> Any:
        checked.append(stored)
        return verify(hasher, stored, password)

    monkeypatch.setattr(passwords.PasswordHasher, "verify", count)
    return checked


@pytest.mark.promise(1, asvs="13.3.1")
def test_no_file_of_the_project_brings_a_secret() -> None:
    shipped = dotenv_values(RENDER / ".env.example")
    assert not any(shipped.get(name) for name in ("SECRET_KEY", "DEMO_PASSWORD"))
    assert ".env" in (RENDER / ".gitignore").read_text().split()
    for_images = (RENDER / ".dockerignore").read_text().split()
    assert for_images[0] == "*"
    assert not any(line.startswith("!.") for line in for_images)


@pytest.mark.form
@pytest.mark.promise(2, asvs="7.2.1, 9.1.1")
async def test_cookie_signed_with_a_guessed_key_is_anonymous(
    app: Quart, browser: Browser, login: dict[str, Any], package: ModuleType
) -> None:
    for guess in ("secret", "dev", "changeme", package.__name__, str(app.secret_key).upper()):
        browser.set_cookie("session", sign(login, guess))
        assert not await browser.is_logged_in()
    browser.set_cookie("session", sign(login, str(app.secret_key)))
    assert await browser.is_logged_in()


@pytest.mark.promise(3, asvs="6.3.2")
async def test_no_account_comes_with_the_app(config: dict[str, Any], package: ModuleType) -> None:
    app = package.create_app(config)
    async with app.test_app():
        users = Part(app, app.extensions["accounts"].users)
        # That of the memory backend has the project's own password.
        assert {user.name for user in await users.all()} <= {"demo"}
        for name, password in (
            ("quart", "secret"),
            ("admin", "admin"),
            ("demo", "demo"),
            ("root", "root"),
            (NAME, PASSWORD),
        ):
            assert (await Browser(app).login(name, password)).status_code == 401


@pytest.mark.promise(4, asvs="13.3.4")
async def test_former_key_opens_cookies_until_it_is_withdrawn(app: Quart, member: Browser) -> None:
    former, app.secret_key = app.secret_key, "a key that takes over from the former"
    assert not await member.is_logged_in()
    app.config["SECRET_KEY_FALLBACKS"] = [former]
    assert await member.is_logged_in()


@pytest.mark.form
@pytest.mark.promise(4, asvs="13.3.4")
async def test_remembered_login_outlives_a_key(app: Quart, browser: Browser) -> None:
    await browser.login(remember="y")
    app.secret_key = "a key that takes over from the former"
    assert await browser.is_logged_in()


@pytest.mark.passwords
@pytest.mark.promise(7, asvs="11.4.2")
async def test_passwords_are_stored_as_argon2id_of_sufficient_cost(
    users: Any, verifications: list[str]
) -> None:
    await users.authenticate(NAME, PASSWORD)
    (stored,) = verifications
    _, kind, _, costs, _, _ = stored.split("$")
    memory, time, lanes = (int(cost.partition("=")[2]) for cost in costs.split(","))
    assert kind == "argon2id"
    assert (memory >= 19456, time >= 2, lanes >= 1) == (True, True, True)


@pytest.mark.passwords
@pytest.mark.promise(7, asvs="11.2.2, 11.4.2")
async def test_login_renews_a_hash_of_former_costs(
    users: Any, browser: Browser, verifications: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cheap = passwords.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    with monkeypatch.context() as patch:
        patch.setattr(users.part._passwords, "_hasher", cheap)
        await users.add("bob", PASSWORD)
    for _ in range(2):
        assert (await browser.login("bob")).status_code == 303
        browser = Browser(browser.client.app)
    former, renewed = verifications
    assert "m=1024,t=1" in former
    assert "m=19456,t=2" in renewed


@pytest.mark.promise(8, asvs="6.2.5, 6.2.8, 6.2.9")
async def test_long_password_counts_to_its_last_character(users: Any, browser: Browser) -> None:
    for number, password in enumerate(
        ("k3X-" * 15 + "xyzy", "pa ss\u00e9\u4e2d\U0001f511 WORD" * 70)
    ):
        await users.add(f"user{number}", password)
        for wrong in (password[:-1], password + "z", password.swapcase(), f" {password}"):
            assert await users.authenticate(f"user{number}", wrong) is None
        response = await browser.login(f"user{number}", password)
        assert response.status_code == 303
        await browser.submit("/logout")


@pytest.mark.form
@pytest.mark.promise(8, asvs="6.2.8")
async def test_composed_and_decomposed_letters_are_different_passwords(users: Any) -> None:
    await users.add("bob", "caf\u00e9 caf\u00e9")
    assert await users.authenticate("bob", "cafe\u0301 cafe\u0301") is None
    assert await users.authenticate("bob", "caf\u00e9 caf\u00e9")


@pytest.mark.passwords
@pytest.mark.promise(8, asvs="6.2.1, 15.2.2")
async def test_huge_password_is_refused_without_a_hash(
    browser: Browser, verifications: list[str]
) -> None:
    for length in (1025, 100_000, 1_000_000):
        response = await browser.login(password="x" * length)
        assert response.status_code in (400, 413)
    assert verifications == []
    await browser.login(password="x" * 1024)
    assert len(verifications) == 1


COMMON = (
    "12345678",
    "Password123!",
    "iloveyou123",
    "qwertyuiop",
    "P@ssw0rd",
    "aaaaaaaaaaaa",
    "abcdefgh",
    "letmein123",
)


@pytest.mark.passwords
@pytest.mark.promise(29, asvs="6.2.1, 6.2.4")
@pytest.mark.parametrize("password", ["1234567", *COMMON, "x" * 1025])
async def test_short_and_common_passwords_cannot_be_chosen(member: Browser, password: str) -> None:
    new = {"password": password, "confirm": password}
    response = await member.submit("/account/password", current=PASSWORD, **new)
    assert response.status_code == 400
    assert 'class="error"' in await member.text(response)
    assert (await Browser(member.app).login()).status_code == 303


@pytest.mark.passwords
@pytest.mark.promise(29, asvs="6.2.4, 6.2.11")
async def test_names_of_the_user_and_the_site_with_a_digit_cannot_be_chosen(
    app: Quart, users: Any, member: Browser
) -> None:
    app.config["SITE_NAME"] = "Kreuzschiff Zentrale"
    await users.add("wolfgangw", PASSWORD)
    await users.add("Wanda van Wolf@example.org", PASSWORD)
    for name, password in (
        ("wolfgangw", "wolfgangw1"),
        ("wolfgangw", "Wolfgangw2!"),
        ("wolfgangw", "1wolfgangw"),
        ("wolfgangw", "wolfgangw2026"),
        ("Wanda van Wolf@example.org", "wandavanwolfexampleorg1"),
        ("Wanda van Wolf@example.org", "example99"),
    ):
        with pytest.raises(AccountError, match=r"[Pp]assword"):
            await users.set_password(name, password)
    for password in ("kreuzschiff1", "Kreuzschiff!", "KreuzschiffZentrale1", "zentrale2026"):
        with pytest.raises(AccountError, match=r"[Pp]assword"):
            await users.set_password(NAME, password)
        with pytest.raises(AccountError, match=r"[Pp]assword"):
            await users.add("bob", password)


@pytest.mark.form
@pytest.mark.promise(29, asvs="6.2.5, 6.2.8")
async def test_passphrases_and_odd_letters_can_be_chosen(users: Any) -> None:
    for password in (
        "correct horse battery",
        "gr\u00fcn ist der k\u00e4fer",
        "\u6b63\u786e\u7684\u9a6c\u7535\u6c60\u9489\u4e66\u7b7e",
    ):
        await users.set_password(NAME, password)
        assert await users.authenticate(NAME, password)


@pytest.mark.promise(29, asvs="15.2.2")
def test_scoring_the_longest_password_takes_no_longer_than_its_beginning() -> None:
    for password in ("ab" * 512, "correct horse battery " * 46, "x" * 1024, "qwerty123" * 113):
        started = time.perf_counter()
        with suppress(AccountError):
            passwords.check_password(password)
        assert time.perf_counter() - started < 1


@pytest.mark.passwords
@pytest.mark.promise(8, asvs="6.2.2, 6.2.3")
async def test_password_cannot_be_changed_without_the_current_one(
    member: Browser, users: Any
) -> None:
    new: dict[str, str] = {"password": "another long one", "confirm": "another long one"}
    answers: list[Response] = [
        await member.submit("/account/password", **new),
        await member.submit("/account/password", current="wrong", **new),
    ]
    assert [answer.status_code for answer in answers] == [400, 401]
    assert await users.authenticate(NAME, "another long one") is None
