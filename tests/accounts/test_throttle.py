"""Attacks on the throttle: keeping others out, evading it, and making it forget."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from accounts import BackendUnavailable
from accounts.throttle import Throttle, TooManyAttempts
from browser import NAME, PASSWORD, Browser
from quart import Quart, Response
from rendered import Clock
from visits import redis_url, unique

LIMITS = {
    "LOGIN_LIMIT_PER_ACCOUNT": "5 per 15 minutes",
    "LOGIN_LIMIT_PER_ADDRESS": "30 per 15 minutes",
}


@pytest.fixture(params=["memory", "Redis"])
async def counted_in(request: pytest.FixtureRequest) -> str:
    """The address of each store of counters in turn."""
    return "memory://" if request.param == "memory" else await redis_url()


@pytest.fixture
async def throttle(counted_in: str) -> AsyncIterator[Throttle]:
    """A throttle over each store in turn."""
    throttle = Throttle({**LIMITS, "RATELIMIT_STORAGE_URI": counted_in})
    yield throttle
    await throttle.close()


@pytest.fixture
async def other(counted_in: str, throttle: Throttle) -> AsyncIterator[Throttle]:
    """The throttle of another process, where processes count together."""
    shared = counted_in != "memory://"
    other = Throttle({**LIMITS, "RATELIMIT_STORAGE_URI": counted_in}) if shared else throttle
    yield other
    await other.close()


async def fail(throttle: Throttle, address: str | None, key: str, scope: str = "account") -> str:
    """Make an attempt with a wrong password; say which limit refuses it, if any."""
    try:
        async with throttle.attempt(address, scope, key) as attempt:
            await asyncio.sleep(0.001)
            attempt.right = False
    except TooManyAttempts as error:
        return error.limit
    return "asked"


async def succeed(throttle: Throttle, address: str | None, key: str) -> str:
    """Make an attempt with the right password."""
    try:
        async with throttle.attempt(address, "account", key) as attempt:
            await asyncio.sleep(0.001)
            attempt.right = True
    except TooManyAttempts as error:
        return error.limit
    return "asked"


@pytest.mark.promise(24, asvs="6.1.1, 6.3.1")
async def test_address_over_its_limit_keeps_nobody_out(throttle: Throttle) -> None:
    attacker, names = unique("address"), [unique("name") for _ in range(8)]
    for name in names[:6]:
        assert [await fail(throttle, attacker, name) for _ in range(5)] == ["asked"] * 5
    for name in names[6:] * 20:
        assert await fail(throttle, attacker, name) == "address"
    for name in names[6:]:
        assert await succeed(throttle, unique("home"), name) == "asked"


@pytest.mark.promise(24, asvs="6.3.1")
async def test_parallel_guesses_of_an_address_keep_nobody_out(
    throttle: Throttle, other: Throttle
) -> None:
    attacker, names = unique("address"), [unique("name") for _ in range(40)]
    first = await asyncio.gather(
        *(fail((throttle, other)[n % 2], attacker, name) for n, name in enumerate(names))
    )
    assert (first.count("asked"), first.count("address")) == (30, 10)
    flood = await asyncio.gather(
        *(fail((throttle, other)[n % 2], attacker, name) for n, name in enumerate(names * 5))
    )
    assert set(flood) == {"address"}
    homes = [await succeed(throttle, unique("home"), name) for name in names]
    assert homes == ["asked"] * 40


@pytest.mark.promise(9, asvs="6.3.1")
async def test_parallel_guesses_of_two_processes_stay_at_the_limit(
    throttle: Throttle, other: Throttle
) -> None:
    name = unique("name")
    answers = await asyncio.gather(
        *(fail((throttle, other)[n % 2], unique("address"), name) for n in range(50))
    )
    assert (answers.count("asked"), answers.count("account")) == (5, 45)


@pytest.mark.promise(9, asvs="6.3.1")
async def test_right_passwords_are_not_counted_however_many_at_once(throttle: Throttle) -> None:
    name, address = unique("name"), unique("address")
    answers = await asyncio.gather(*(succeed(throttle, address, name) for _ in range(40)))
    assert answers == ["asked"] * 40
    assert [await fail(throttle, address, name) for _ in range(6)] == ["asked"] * 5 + ["account"]


@pytest.mark.promise(9, asvs="6.3.1")
async def test_right_password_gives_back_no_guess_at_others(throttle: Throttle) -> None:
    name, own, address = unique("name"), unique("own"), unique("address")
    for _ in range(4):
        assert await fail(throttle, address, name) == "asked"
        assert await succeed(throttle, address, own) == "asked"
    for _ in range(13):
        assert await fail(throttle, address, unique("name")) == "asked"
        assert await succeed(throttle, address, own) == "asked"
        assert await fail(throttle, address, unique("name")) == "asked"
    assert await fail(throttle, address, name) == "address"


@pytest.mark.promise(9, asvs="6.3.1")
async def test_what_is_given_back_late_allows_no_more_in_the_next_window(
    throttle: Throttle,
) -> None:
    """An attempt that begins in one window and is given back in the next must not count there."""
    name, address = unique("name"), unique("address")

    async def fault(at: int) -> None:
        try:
            async with throttle.attempt(address, "account", f"{name}{at}"):
                await throttle._limiter.clear(throttle._per_address, "address", address)
                raise BackendUnavailable("gone")
        except BackendUnavailable:
            pass

    for at in range(3):
        await fault(at)
    answers = [await fail(throttle, address, unique("name")) for _ in range(33)]
    assert answers.count("asked") == 30


@pytest.mark.promise(34, asvs="6.3.1, 16.5.2")
async def test_attempt_at_which_no_password_was_looked_at_is_given_back(
    throttle: Throttle,
) -> None:
    name, address = unique("name"), unique("address")

    async def fault() -> None:
        async with throttle.attempt(address, "account", name):
            raise BackendUnavailable("gone")

    for _ in range(40):
        with pytest.raises(BackendUnavailable):
            await fault()
    assert await succeed(throttle, address, name) == "asked"
    assert [await fail(throttle, address, name) for _ in range(6)] == ["asked"] * 5 + ["account"]


@pytest.mark.promise(34, asvs="6.3.1")
async def test_who_hangs_up_has_made_the_attempt(throttle: Throttle) -> None:
    name, address = unique("name"), unique("address")

    async def hang() -> None:
        async with throttle.attempt(address, "account", name):
            await asyncio.sleep(60)

    for _ in range(5):
        task = asyncio.create_task(hang())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await fail(throttle, address, name) == "account"


async def guess(browser: Browser, address: str, password: str = "wrong") -> Response:
    """Try a password from an address."""
    form = {"csrf_token": await browser.token(), "username": NAME, "password": password}
    return await browser.post("/", form=form, scope_base={"client": (address, 1234)})


@pytest.mark.form
@pytest.mark.promise(25, asvs="6.3.1")
async def test_browser_that_has_logged_in_before_is_not_kept_out_from_afar(
    app: Quart, member: Browser
) -> None:
    await member.submit("/logout")
    stranger = Browser(app)
    for number in range(6):
        last = await guess(stranger, f"192.0.2.{number}")
    assert last.status_code == 429
    assert (await guess(Browser(app), "198.51.100.1", PASSWORD)).status_code == 429
    assert (await guess(member, "198.51.100.2", PASSWORD)).status_code == 303
    assert await member.is_logged_in()


@pytest.mark.passwords
@pytest.mark.promise(25, asvs="6.3.1")
async def test_owner_changes_the_password_while_others_guess(app: Quart, member: Browser) -> None:
    stranger = Browser(app)
    for number in range(6):
        last = await guess(stranger, f"192.0.2.{number}")
    assert last.status_code == 429
    new = {"password": "another long one", "confirm": "another long one"}
    assert (await member.submit("/account/password", current=PASSWORD, **new)).status_code == 303


@pytest.mark.form
@pytest.mark.promise(25, asvs="6.3.1, 11.5.1")
async def test_cookie_of_a_known_browser_is_good_for_five_guesses_and_nothing_else(
    app: Quart, member: Browser, users: Any
) -> None:
    cookie = member.cookie("browser")
    assert cookie
    assert len(cookie) == 43
    thief = Browser(app)
    thief.set_cookie("browser", cookie)
    assert not await thief.is_logged_in()
    answers = [(await guess(thief, f"192.0.2.{number}")).status_code for number in range(6)]
    assert answers == [401] * 5 + [429]
    # Neither others nor the next browser are kept out by it.
    assert (await guess(Browser(app), "198.51.100.1", PASSWORD)).status_code == 303
    await users.add("bob", PASSWORD)
    form = {"csrf_token": await thief.token(), "username": "bob", "password": "wrong"}
    assert [(await thief.post("/", form=form)).status_code for _ in range(6)] == [401] * 5 + [429]


@pytest.mark.form
@pytest.mark.promise(25, asvs="6.3.1, 6.3.8")
async def test_browser_cookie_is_set_by_a_login_alone_and_made_up_ones_count_as_none(
    app: Quart, browser: Browser
) -> None:
    await guess(browser, "192.0.2.1")
    assert browser.cookie("browser") is None
    for number in range(3):
        made_up = Browser(app)
        made_up.set_cookie("browser", f"made-up-{number}\u00e9")
        assert (await guess(made_up, f"192.0.2.{number}")).status_code == 401
    assert (await guess(browser, "192.0.2.9", PASSWORD)).status_code == 303
    kept = browser.cookie("browser")
    await browser.submit("/logout")
    assert browser.cookie("browser") == kept
    await browser.login()
    assert browser.cookie("browser") == kept


@pytest.mark.form
@pytest.mark.promise(9, asvs="6.3.1")
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_refusal_says_which_limit_and_when_to_try_again(
    browser: Browser, accept: str, clock: Clock
) -> None:
    browser.headers["Accept"] = "text/html"
    token = await browser.token()
    browser.headers["Accept"] = accept
    for _ in range(6):
        form = {"csrf_token": token, "username": NAME, "password": "wrong"}
        last = await browser.post("/", form=form)
    text = await browser.text(last)
    assert last.status_code == 429
    assert 1 <= int(last.headers["Retry-After"]) <= 901
    assert "Too many attempts for this account. Try again in 15 minutes." in text
    assert ('name="password"' in text) == (accept == "text/html")
    clock.advance(14 * 60 + 30)
    browser.headers["Accept"] = "application/json"
    answer = await browser.post("/", form=form)
    assert "Try again in 1 minute." in (await answer.get_json())["description"]
