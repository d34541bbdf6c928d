"""Sign-up, forgotten passwords and changed addresses, by mail that a real SMTP server takes."""

import asyncio
import re
from typing import Any

import pytest
from browser import Browser
from entrance import NAME, PASSWORD
from people import NEW_PASSWORD, Mailbox
from quart import Quart
from rendered import Clock

ANN = "ann@example.org"


async def sign_up(browser: Browser) -> None:
    form = {"email": ANN, "password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD}
    assert (await browser.submit("/register", **form)).status_code == 302


async def test_who_signs_up_comes_in_once_the_address_is_confirmed(
    browser: Browser, mailbox: Mailbox
) -> None:
    await sign_up(browser)
    assert (await browser.login(ANN, NEW_PASSWORD)).status_code == 401
    assert mailbox.mails[-1]["To"] == ANN
    assert (await browser.submit(mailbox.link("/confirm/"))).status_code == 302
    assert (await browser.login(ANN, NEW_PASSWORD)).status_code == 302
    assert f"Logged in as: {ANN}" in await browser.text(await browser.get("/protected"))


async def test_program_that_opens_the_links_of_mails_confirms_nothing(
    browser: Browser, mailbox: Mailbox
) -> None:
    await sign_up(browser)
    page = await browser.text(await browser.get(mailbox.link("/confirm/")))
    assert "Confirm this address" in page
    assert (await browser.login(ANN, NEW_PASSWORD)).status_code == 401


async def test_sign_up_tells_nobody_who_has_an_account(browser: Browser, mailbox: Mailbox) -> None:
    answers = []
    for email in (ANN, NAME):
        form = {"email": email, "password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD}
        response = await browser.submit("/register", **form)
        told = await browser.text(await browser.get(response.location))
        answers.append((response.status_code, response.location, told.count(email)))
    assert answers[0] == answers[1]
    # The owner is told that somebody has tried.
    assert [mail["To"] for mail in mailbox.mails] == [ANN, NAME]
    assert (await browser.login()).status_code == 302


async def test_forgotten_password_is_set_anew_once(
    browser: Browser, member: Browser, mailbox: Mailbox
) -> None:
    assert (await browser.submit("/reset", email=NAME)).status_code == 200
    link = mailbox.link("/reset/")
    form = {"password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD}
    assert (await browser.submit(link, **form)).status_code == 302
    assert not await member.is_logged_in()
    form = {"password": PASSWORD + " again", "password_confirm": PASSWORD + " again"}
    await browser.submit(link, **form)
    assert (await browser.login(password=PASSWORD + " again")).status_code == 401
    assert (await browser.login()).status_code == 401
    assert (await browser.login(password=NEW_PASSWORD)).status_code == 302


async def test_link_of_a_forgotten_password_expires(
    browser: Browser, mailbox: Mailbox, clock: Clock
) -> None:
    await browser.submit("/reset", email=NAME)
    clock.ahead = 25 * 60 * 60
    form = {"password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD}
    await browser.submit(mailbox.link("/reset/"), **form)
    assert (await browser.login(password=NEW_PASSWORD)).status_code == 401
    assert (await browser.login()).status_code == 302


async def test_forgotten_password_tells_nobody_who_has_an_account(
    browser: Browser, mailbox: Mailbox
) -> None:
    pages = []
    for email in (NAME, ANN):
        page = await browser.text(await browser.submit("/reset", email=email))
        hidden = re.sub(r'name="csrf_token".*', "", page)
        pages.append(hidden.replace(email, "EMAIL"))
    assert pages[0] == pages[1]
    assert [mail["To"] for mail in mailbox.mails] == [NAME]


async def test_address_is_changed_by_who_reads_mail_there(
    member: Browser, browser: Browser, mailbox: Mailbox
) -> None:
    assert (await member.submit("/change-email", email=ANN)).status_code == 200
    assert (await browser.login(ANN)).status_code == 401
    assert (await member.submit(mailbox.link("/change-email/"))).status_code == 302
    assert (await browser.login(ANN)).status_code == 302


async def test_mail_server_that_takes_its_time_keeps_nobody_else_waiting(
    browser: Browser, member: Browser, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server lives on a loop of its own, in a thread.
    reached, answered = asyncio.Event(), []
    here, take = asyncio.get_running_loop(), mailbox.handle_DATA
    proceed: list[Any] = []

    async def slow(*args: Any) -> str:
        gate = asyncio.get_running_loop().create_future()
        proceed.append((asyncio.get_running_loop(), gate))
        here.call_soon_threadsafe(reached.set)
        await gate
        return await take(*args)

    monkeypatch.setattr(mailbox, "handle_DATA", slow)
    asking = asyncio.create_task(browser.submit("/reset", email=NAME))
    await reached.wait()
    assert await member.is_logged_in()
    answered.append(asking.done())
    loop, gate = proceed[0]
    loop.call_soon_threadsafe(gate.set_result, None)
    assert (await asking).status_code == 200
    assert answered == [False]


@pytest.mark.settings(MAIL_PORT=1)
async def test_mail_server_out_of_reach_is_said_and_is_no_fault(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await browser.submit("/reset", email=NAME)).status_code == 503
    assert "MAIL_SERVER does not take a mail" in caplog.text


@pytest.mark.settings(MAIL_PORT=1)
async def test_sign_up_without_its_mail_comes_to_nothing(
    app: Quart, browser: Browser, mailbox: Mailbox
) -> None:
    form = {"email": ANN, "password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD}
    refused = await browser.submit("/register", **form)
    assert refused.status_code == 503
    assert "Thank you" not in await browser.text(refused)
    assert "Thank you" not in await browser.text(await browser.get("/login"))
    # With a server that takes it, as if nothing had been.
    app.extensions["mailman"].port = mailbox.port  # type: ignore[attr-defined]
    await sign_up(browser)
    assert mailbox.mails[-1]["Subject"] == "Welcome"
    assert mailbox.link("/confirm/")


@pytest.mark.settings(MAIL_PORT=1)
async def test_password_stays_where_the_mail_about_the_new_one_is_not_taken(
    member: Browser, browser: Browser
) -> None:
    form = {
        "password": PASSWORD,
        "new_password": NEW_PASSWORD,
        "new_password_confirm": NEW_PASSWORD,
    }
    assert (await member.submit("/change", **form)).status_code == 503
    assert (await browser.login(NAME, NEW_PASSWORD)).status_code == 401
    assert (await browser.login(NAME, PASSWORD)).status_code == 302


@pytest.mark.settings(TRUSTED_HOSTS=".example.org,localhost")
async def test_mail_comes_from_the_site_unless_a_sender_is_set(app: Quart) -> None:
    assert app.config["MAIL_DEFAULT_SENDER"] == "no-reply@example.org"


async def test_mails_about_one_account_are_limited(browser: Browser, mailbox: Mailbox) -> None:
    codes = [(await browser.submit("/reset", email=NAME.upper())).status_code for _ in range(6)]
    assert codes == [200] * 5 + [429]
    assert len(mailbox.mails) == 5
