"""The id of a request: in its answer, and in all lines that the log has of it."""

import asyncio
import logging
import re
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from accounts import public
from accounts.web import logs
from browser import NAME, Browser
from itsdangerous import URLSafeTimedSerializer
from quart import Quart, current_app, websocket

MADE = r"[0-9a-f]{16}"
Lines = Callable[[], list[str]]


@pytest.fixture
def lines(app: Quart) -> Iterator[Lines]:
    """Return what has been written to the log since, without the time."""
    written = StringIO()
    handler = logs.create_handler("development")
    handler.setStream(written)
    logging.getLogger().addHandler(handler)

    @app.get("/speak")
    @public
    async def speak() -> str:
        current_app.logger.warning("first")
        await asyncio.sleep(0)
        current_app.logger.warning("second")
        return ""

    @app.websocket("/listen")
    @public
    async def listen() -> None:
        await websocket.accept()
        current_app.logger.warning("heard")

    def lines() -> list[str]:
        text = written.getvalue()
        written.seek(0)
        written.truncate()
        return [line.split(" ", 2)[2] for line in text.splitlines()]

    yield lines
    logging.getLogger().removeHandler(handler)


@pytest.mark.settings(REQUEST_LOG=True)
async def test_all_lines_of_a_request_have_the_id_of_its_answer(
    browser: Browser, lines: Lines
) -> None:
    answers = await asyncio.gather(*(browser.get("/speak") for _ in range(5)))
    names = {answer.headers["X-Request-ID"] for answer in answers}
    assert len(names) == 5
    written = lines()
    for name in names:
        assert re.fullmatch(MADE, name)
        first, second, access = (line for line in written if name in line)
        assert first.endswith(f" [{name}]: first")
        assert second.endswith(f" [{name}]: second")
        end = r'GET "/speak" 200 in \d+\.\d{4} s'
        assert re.fullmatch(rf"INFO access \[{name}\]: {end}", access)
    assert len(written) == 15


@pytest.mark.form
@pytest.mark.settings(REQUEST_LOG=True)
async def test_audit_and_refusals_have_the_id_as_well(browser: Browser, lines: Lines) -> None:
    answer = await browser.login(password="a wrong password")
    name = answer.headers["X-Request-ID"]
    audit, access = (line for line in lines() if name in line)
    assert f'"user": "{NAME}"' in audit
    assert access.endswith(" s")
    malformed = await browser.get("/", headers={"Host": "a b"})
    assert malformed.status_code == 400
    assert malformed.headers["X-Request-ID"] in lines()[-1]


@pytest.mark.settings(REQUEST_LOG=True)
async def test_websocket_is_a_line_with_an_id(browser: Browser, lines: Lines) -> None:
    async with browser.client.websocket("/listen") as connection:
        await connection.send("x")
        await asyncio.sleep(0.1)
    heard, access = lines()
    (name,) = re.findall(MADE, heard)
    assert re.search(rf'\[{name}\]: WEBSOCKET "/listen" 101 in ', access)


SENT = [("abc-1:2.3_4", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ("", False)]
SENT += [('x"y', False), ("é", False)]


@pytest.mark.settings(TRUSTED_PROXIES=1)
async def test_id_of_a_proxy_is_taken_if_it_is_short_and_plain(browser: Browser) -> None:
    for sent, taken in SENT:
        answer = await browser.get("/healthz", headers={"X-Request-ID": sent})
        (name,) = answer.headers.getlist("X-Request-ID")
        assert (name == sent) is taken
        assert taken or re.fullmatch(MADE, name)


async def test_id_of_a_client_is_not_taken(browser: Browser) -> None:
    answer = await browser.get("/healthz", headers={"X-Request-ID": "mine"})
    assert re.fullmatch(MADE, answer.headers["X-Request-ID"])


async def test_requests_are_no_lines_in_development(browser: Browser, lines: Lines) -> None:
    await browser.get("/home")
    assert lines() == []


@pytest.mark.settings(REQUEST_LOG=True)
async def test_line_of_a_request_cannot_be_forged_and_hides_the_query(
    browser: Browser, lines: Lines
) -> None:
    await browser.get("/a%0d%0aINFO%20access?token=hidden")
    (line,) = lines()
    assert r'GET "/a\r\nINFO access" ' in line
    assert "hidden" not in line


@pytest.mark.settings(REQUEST_LOG=True)
async def test_line_of_a_request_hides_what_is_signed(
    app: Quart, browser: Browser, lines: Lines
) -> None:
    serializer = URLSafeTimedSerializer(app.secret_key or "")
    for what in (1, ["1", "secret"], "long " * 100):
        await browser.get(f"/links/{serializer.dumps(what)}")
        (line,) = lines()
        assert 'GET "/links/..." ' in line
    for name in ("app.0123456789.min.js", "a-name-of-many-letters.tar.gz"):
        await browser.get(f"/static/{name}")
        assert f"/static/{name}" in lines()[0]


async def test_line_outside_of_requests_has_no_id(app: Quart, lines: Lines) -> None:
    app.logger.warning("alone")
    (line,) = lines()
    assert line.endswith(" [-]: alone")


async def test_sync_code_of_a_view_writes_the_id_too(browser: Browser, lines: Lines) -> None:
    def sync() -> str:
        logging.getLogger("an.extension").warning("sync")
        return ""

    browser.app.add_url_rule("/sync", view_func=public(sync))
    answer: Any = await browser.get("/sync")
    (line,) = lines()
    assert line.endswith(f"WARNING an.extension [{answer.headers['X-Request-ID']}]: sync")
