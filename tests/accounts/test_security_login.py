"""Attacks on the login: guessing, enumeration, throttles and where it leads."""

import asyncio
import os
import re
import sys
import threading
import time
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from accounts import passwords
from argon2 import extract_parameters
from argon2.exceptions import VerifyMismatchError
from browser import NAME, PASSWORD, Browser
from quart import Quart, Response
from rendered import Clock

JSON = {"Accept": "application/json"}


async def guess(browser: Browser, name: str = NAME, **options: Any) -> Response:
    """Try a wrong password, or the one given, from an address."""
    form = {"csrf_token": await browser.token(), "username": name, "password": "wrong"}
    return await browser.post("/", form=form | options.pop("form", {}), **options)


def at(address: str) -> dict[str, Any]:
    return {"client": (address, 1234)}


@pytest.mark.form
@pytest.mark.promise(5, asvs="6.3.8, 16.5.1")
async def test_refused_login_is_an_error_in_the_form_the_client_reads(browser: Browser) -> None:
    page = await guess(browser)
    assert (page.status_code, page.mimetype) == (401, "text/html")
    text = await browser.text(page)
    assert "Wrong user name or password." in text
    assert 'name="password"' in text
    data = await guess(browser, headers=JSON)
    refusal = {"error": "Bad login", "description": "Wrong user name or password."}
    assert (data.status_code, await data.get_json()) == (401, refusal)
    plain = await guess(browser, headers={"Accept": "*/*"})
    assert (plain.status_code, await browser.text(plain)) == (401, "Bad login")


@pytest.mark.promise(5, asvs="8.2.1")
async def test_anonymous_client_is_told_in_the_form_it_reads(browser: Browser) -> None:
    page = await browser.get("/protected")
    assert (page.status_code, page.location) == (303, "/?next=/protected")
    for headers in (JSON, {"Authorization": "Bearer junk"}):
        answer = await browser.get("/protected", headers=headers)
        assert answer.status_code == 401
        assert set(await answer.get_json()) == {"error", "description"}
        assert answer.headers["WWW-Authenticate"].lower() == "bearer"
    answer = await browser.get("/protected", headers={"Accept": "*/*"})
    assert (answer.status_code, await browser.text(answer)) == (401, "Unauthorized")


@pytest.mark.passwords
@pytest.mark.promise(6, asvs="6.3.8")
async def test_refusals_do_not_tell_which_users_exist(
    users: Any, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await users.add("disabled", PASSWORD)
    await users.set_active("disabled", False)
    checked = []
    verify = passwords.PasswordHasher.verify
    monkeypatch.setattr(
        passwords.PasswordHasher,
        "verify",
        lambda hasher, *stored: checked.append(stored) or verify(hasher, *stored),
    )
    answers = set()
    for name, password in (
        (NAME, "wrong"),
        (NAME.upper(), "wrong"),
        ("disabled", PASSWORD),
        ("disabled", "wrong"),
        ("nobody", PASSWORD),
        ("nobody", "nobody"),
        ("x" * 200, PASSWORD),
        ("no\0body", PASSWORD),
    ):
        token = await browser.token()
        response = await browser.post(
            "/", form={"csrf_token": token, "username": name, "password": password}
        )
        body = re.sub(r'value="[^"]+"', "", await browser.text(response))
        given = {name.lower(): value for name, value in response.headers}
        differing = {"content-length", "set-cookie", "x-request-id"}
        headers = {name: value for name, value in given.items() if name not in differing}
        answers.add((response.status_code, body, str(headers)))
    assert len(answers) == 1
    assert len(checked) == 8


@pytest.mark.promise(6, asvs="6.3.8")
def test_hash_that_stands_for_no_user_costs_as_much_as_any(users: Any) -> None:
    hasher, made_up = users.part._passwords._hasher, users.part._passwords._dummy_hash
    assert extract_parameters(made_up) == extract_parameters(hasher.hash("some password"))
    with pytest.raises(VerifyMismatchError):
        hasher.verify(made_up, "some password")


@pytest.mark.promise(7, asvs="15.2.2, 15.4.4")
async def test_hashes_are_computed_by_few_threads_beside_the_event_loop(
    users: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, seen, running, most = threading.get_ident(), set(), 0, 0
    lock, verify = threading.Lock(), passwords.PasswordHasher.verify

    def watch(hasher: Any, *stored: Any) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            seen.add(threading.get_ident())
        try:
            return verify(hasher, *stored)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(passwords.PasswordHasher, "verify", watch)
    await asyncio.gather(*(users.authenticate(NAME, "wrong") for _ in range(20)))
    assert loop not in seen
    assert most <= (passwords.os.cpu_count() or 1)


@pytest.mark.promise(7, asvs="15.2.2")
@pytest.mark.skipif(sys.platform != "linux", reason="Linux keeps processes to some of the cores")
async def test_hashing_threads_are_no_more_than_the_cores_of_the_process() -> None:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        hashes = passwords.Passwords()
    finally:
        os.sched_setaffinity(0, cores)

    def busy_thread() -> int:
        time.sleep(0.01)
        return threading.get_ident()

    seen = await asyncio.gather(*(hashes._run(busy_thread) for _ in range(4)))
    assert len(set(seen)) == 1


@pytest.mark.form
@pytest.mark.promise(9, asvs="6.1.1, 6.3.1")
async def test_sixth_guess_is_throttled_even_when_it_is_right(browser: Browser) -> None:
    for name in (NAME, "nobody"):
        answers = [await guess(browser, name) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [401] * 5
        sixth = await guess(browser, name, form={"password": PASSWORD})
        assert sixth.status_code == 429
        assert 800 < int(sixth.headers["Retry-After"]) <= 901
        assert "Too many attempts" in await browser.text(sixth)
    assert not await browser.is_logged_in()


@pytest.mark.form
@pytest.mark.promise(9, asvs="6.3.1")
async def test_throttle_is_no_lock(browser: Browser, clock: Clock) -> None:
    for _ in range(6):
        last = await guess(browser)
    assert last.status_code == 429
    clock.advance(int(last.headers["Retry-After"]) + 1)
    assert (await browser.login()).status_code == 303


@pytest.mark.form
@pytest.mark.promise(9, asvs="6.3.1")
async def test_throttle_is_not_evaded_by_spelling_address_or_parallel_requests(
    app: Quart,
) -> None:
    spellings = ("alice", "ALICE", " alice ", "Alice\t", "\uff41lice", "alic\u0065")
    browsers = [Browser(app) for _ in range(50)]
    for browser in browsers:
        await browser.token()
    answers = await asyncio.gather(
        *(
            guess(
                browser,
                spellings[number % len(spellings)],
                headers={
                    "X-Forwarded-For": f"198.51.100.{number}",
                    "Forwarded": f"for=198.51.100.{number}",
                    "X-Real-IP": f"198.51.100.{number}",
                    "User-Agent": f"browser {number}",
                },
                scope_base=at(f"192.0.2.{number}"),
            )
            for number, browser in enumerate(browsers)
        )
    )
    assert [answer.status_code for answer in answers].count(401) == 5
    assert [answer.status_code for answer in answers].count(429) == 45


@pytest.mark.form
@pytest.mark.promise(9, asvs="6.3.1")
@pytest.mark.settings(LOGIN_LIMIT_PER_ADDRESS="3 per 15 minutes")
async def test_address_that_guesses_many_names_is_throttled(browser: Browser) -> None:
    for number in range(4):
        last = await guess(
            browser,
            f"user{number}",
            headers={"X-Forwarded-For": f"198.51.100.{number}"},
            scope_base=at(f"2001:db8:1:1::{number}"),
        )
    assert last.status_code == 429
    other = await guess(browser, form={"password": PASSWORD}, scope_base=at("2001:db8:1:2::1"))
    assert other.status_code == 303


@pytest.mark.form
@pytest.mark.promise(9, asvs="6.3.1")
async def test_own_login_does_not_reset_the_count_of_another_account(browser: Browser) -> None:
    await guess(browser, "mallory")
    for _ in range(5):
        await guess(browser, "nobody")
        await browser.login()
        await browser.submit("/logout")
    assert (await guess(browser, "nobody")).status_code == 429


@pytest.mark.passwords
@pytest.mark.promise(9, asvs="6.3.1, 6.3.4")
async def test_password_page_gives_no_more_guesses_than_the_login(member: Browser) -> None:
    answers = [
        await member.submit("/account/password", current="wrong", password="x" * 9, confirm="x" * 9)
        for _ in range(6)
    ]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    right = await member.submit(
        "/account/password", current=PASSWORD, password="x y z 8 9 k", confirm="x y z 8 9 k"
    )
    assert right.status_code == 429


ELSEWHERE = [
    "//e",
    r"/\e",
    r"\\e",
    r"\/e",
    "/\t/e",
    "/\n/e",
    "/\r\n/e",
    " //e",
    "////e",
    "http:///e",
    "http://e",
    "https:e",
    "HTTPS://e",
    "//e\u3002test",
    "/\u2025/e",
    "//app@e",
    r"///\e",
    "\n",
    "\0",
    "/\0",
    "/a\0b",
    "/\x7f",
    "/ ",
    "javascript:alert(1)",
    "data:text/html,x",
    "e",
    "",
    "?next=//e",
    "/a\r\nSet-Cookie: session=x",
    "/" + "x" * 2048,
]


@pytest.mark.promise(10, asvs="3.7.2, 1.2.2")
async def test_next_that_leaves_the_site_leads_to_the_default_page(
    app: Quart, users: Any, member: Browser
) -> None:
    for target in ELSEWHERE:
        response = await member.get(f"/?next={quote(target)}")
        assert (response.status_code, response.location) == (303, "/home"), target
    browser = Browser(app)
    for target in ELSEWHERE[:3]:
        response = await browser.login(path=f"/?next={quote(target)}")
        assert (response.status_code, response.location) == (303, "/home"), target
        await browser.submit("/logout")
    twice = await member.get("/?next=//e&next=/account/sessions")
    assert twice.location == "/home"


@pytest.mark.promise(10, asvs="3.7.2")
async def test_next_on_the_site_is_honoured(member: Browser) -> None:
    for target in ("/account/sessions", "/a?b=c&d=%20#e", "/%0a", "/x//y", "/" + "x" * 2047):
        response = await member.get(f"/?next={quote(target)}")
        location = urlsplit(response.location)
        assert (response.status_code, location.netloc, location.scheme) == (303, "", "")
        assert response.location == target
