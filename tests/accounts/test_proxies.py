"""Proxies in front of the app: what they say is believed as far as the settings go."""

import json
import logging
from typing import Any

import pytest
from accounts import public
from accounts.addresses import networks, plain_address
from browser import Browser
from quart import Quart, request, url_for

SPOOFED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "8443",
    "X-Forwarded-Prefix": "/evil",
}


@pytest.fixture
def seen(app: Quart) -> str:
    """The path of a page that shows what the app takes a request for."""

    @app.get("/seen")
    @public
    async def seen() -> dict[str, Any]:
        """Show it."""
        return {"address": request.remote_addr, "url": url_for("seen", _external=True)}

    return "/seen"


async def visit(browser: Browser, path: str, **headers: str) -> dict[str, Any]:
    """Return what the app takes the request for."""
    found: dict[str, Any] = json.loads(await browser.text(await browser.get(path, headers=headers)))
    return found


@pytest.mark.promise(19, asvs="15.3.4")
async def test_nothing_is_believed_without_a_proxy(browser: Browser, seen: str) -> None:
    found = await visit(browser, seen, **SPOOFED)
    assert found == {"address": "<local>", "url": "http://localhost/seen"}


@pytest.mark.promise(19, asvs="15.3.4")
@pytest.mark.settings(TRUSTED_PROXIES="1")
async def test_proxy_is_believed_what_most_set_and_nothing_that_it_need_not_set(
    browser: Browser, seen: str
) -> None:
    headers = SPOOFED | {"X-Forwarded-For": "6.6.6.6, 203.0.113.9:50213"}
    found = await visit(browser, seen, **headers)
    assert found == {"address": "203.0.113.9", "url": "https://localhost:8443/seen"}


@pytest.mark.settings(TRUSTED_PROXIES="1")
@pytest.mark.parametrize(
    ("host", "port", "seen_as"),
    [
        # Where the proxy listens is not always where it is reached.
        ("localhost:8443", "443", "localhost:8443"),
        ("localhost:8443", "9999", "localhost:8443"),
        ("localhost", "443", "localhost"),
        ("localhost", "80", "localhost"),
        ("localhost", "many", "localhost"),
        ("[::1]", "8443", "[::1]:8443"),
    ],
)
async def test_port_is_what_the_browser_asked_for_else_the_proxys(
    browser: Browser, seen: str, host: str, port: str, seen_as: str
) -> None:
    headers = {"Host": host, "X-Forwarded-Proto": "https", "X-Forwarded-Port": port}
    found = await visit(browser, seen, **headers)
    assert found["url"] == f"https://{seen_as}/seen"


@pytest.mark.form
@pytest.mark.settings(TRUSTED_PROXIES="1")
async def test_form_of_another_port_is_refused_with_a_line_on_the_header(browser: Browser) -> None:
    form = {"csrf_token": await browser.token(), "username": "alice", "password": "x"}
    headers = {"Origin": "https://localhost:8443", "X-Forwarded-Proto": "https"}
    refused = await browser.post("/", form=form, headers=headers)
    assert refused.status_code == 403
    [line] = [line for line in (await browser.text(refused)).splitlines() if "$http_host" in line]
    assert "X-Forwarded-Port" in line
    sent = await browser.post("/", form=form, headers=headers | {"X-Forwarded-Port": "8443"})
    assert sent.status_code == 401


@pytest.mark.promise(19, asvs="15.3.4")
@pytest.mark.settings(TRUSTED_PROXIES="1")
async def test_http_2_without_tls_is_refused_behind_a_proxy(browser: Browser) -> None:
    # As a client speaks it after `Upgrade: h2c`, past the proxy; it writes its own headers then.
    spoken = {"http_version": "2", "headers": {"X-Forwarded-Proto": "https"}}
    assert (await browser.get("/healthz", **spoken)).status_code == 505
    assert (await browser.get("/healthz", http_version="2", scheme="https")).status_code == 200


@pytest.mark.promise(19, asvs="15.3.4")
async def test_http_2_without_tls_is_refused_without_a_proxy_too(browser: Browser) -> None:
    assert (await browser.get("/healthz", http_version="2")).status_code == 505
    assert (await browser.get("/healthz", http_version="2", scheme="https")).status_code == 200


@pytest.mark.settings(
    TRUSTED_PROXIES="2", TRUSTED_PROXY_HEADERS="for, proto, host", TRUSTED_HOSTS="example.org"
)
async def test_outermost_trusted_proxy_is_believed_each_header_that_is_named(
    browser: Browser, seen: str
) -> None:
    headers = {
        "X-Forwarded-For": "6.6.6.6, 203.0.113.9, 10.0.0.1",
        "X-Forwarded-Proto": "gopher, https, http",
        "X-Forwarded-Host": "evil.example, example.org, inner",
        "X-Forwarded-Prefix": "/evil, /evil",
    }
    found = await visit(browser, seen, **headers)
    assert found == {"address": "203.0.113.9", "url": "https://example.org/seen"}


@pytest.mark.settings(TRUSTED_PROXIES="1", TRUSTED_PROXY_HEADERS="for,proto")
async def test_unusable_value_is_ignored(browser: Browser, seen: str) -> None:
    found = await visit(browser, seen, **{"X-Forwarded-Proto": "javascript"})
    assert found["url"] == "http://localhost/seen"


@pytest.mark.settings(TRUSTED_PROXIES="1", TRUSTED_PROXY_HEADERS="prefix")
async def test_app_under_a_prefix_knows_it(browser: Browser, seen: str) -> None:
    found = await visit(browser, seen, **{"X-Forwarded-Prefix": "/tool/"})
    assert found["url"] == "http://localhost/tool/seen"
    for unusable in ("//evil.example", "tool?", "/a b", "/\\evil"):
        found = await visit(browser, seen, **{"X-Forwarded-Prefix": unusable})
        assert found["url"] == "http://localhost/seen"


async def test_server_that_believes_everybody_itself_is_not_believed(
    app: Quart, caplog: pytest.LogCaptureFixture
) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        """Take the answer, which does not matter here."""

    headers = [(b"host", b"localhost"), (b"x-forwarded-for", b"6.6.6.6")]
    # As uvicorn hands on a request whose X-Forwarded-For it has read.
    given = {
        "type": "http",
        "method": "GET",
        "path": "/healthz",
        "raw_path": b"/healthz",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "headers": headers,
        "client": ("6.6.6.6", 0),
        "extensions": {},
    }
    with caplog.at_level(logging.WARNING):
        await app.asgi_app(given, receive, send)
        await app.asgi_app(given, receive, send)
    assert caplog.text.count("--no-proxy-headers") == 1


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:50213", "203.0.113.7"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:1", "203.0.113.7"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_address_is_what_it_is_however_it_is_written(given: str, address: str) -> None:
    assert plain_address(given) == address


def test_ipv6_address_is_counted_with_its_networks() -> None:
    assert networks("2001:db8:1:2:3::4") == [("2001:db8:1:2::/64", 1), ("2001:db8:1::/48", 4)]
    assert networks("::ffff:203.0.113.7") == [("203.0.113.7", 1)]
