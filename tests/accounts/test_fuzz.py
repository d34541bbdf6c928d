"""Whatever is sent: no fault of the server, no markup that comes back, no header that is forged."""

import asyncio
import json
from typing import Any
from urllib.parse import quote, quote_plus, urljoin, urlsplit

import pytest
from accounts import account_key, public
from accounts.records import Client
from browser import NAME, Browser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quart import Quart, Response, request

pytestmark = [
    pytest.mark.promise(21, asvs="1.2.1, 2.2.1, 3.2.2, 16.5.4"),
    pytest.mark.settings(
        LOGIN_LIMIT_PER_ACCOUNT="9999 per day", LOGIN_LIMIT_PER_ADDRESS="9999 per day"
    ),
]

# One app serves all examples of a test: what an example leaves behind is part of the fuzz.
fuzz = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)

MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
NASTY = [
    MARKUP,
    "\r\nSet-Cookie: session=forged\r\n\r\n<script>",
    "\x7b\x7b 7 * 7 \x7d\x7d\x7b% raw %\x7d",  # a template
    "' OR 1=1 --",
    "\0",
    "\ud800",
    "\u202e\ufeff",
    "../../../etc/passwd",
    "%00%0d%0a",
    "x" * 5000,
]
texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=60), st.text("<>\"'&/\\\r\n\0 ab"))
# What an HTTP server lets through in a header's value.
values = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=200).map(str.strip)
blobs = st.one_of(st.binary(max_size=300), texts.map(lambda text: text.encode("utf-8", "ignore")))
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["username", "password", "remember", "csrf_token", "current", "confirm", "next"]
forms = st.lists(st.tuples(st.sampled_from(FIELDS) | texts, texts), max_size=6)
PAGES = ["/", "/protected", "/logout", "/account/sessions", "/account/password", "/healthz"]
HEADERS = [
    "Range",
    "If-None-Match",
    "If-Modified-Since",
    "If-Range",
    "Accept-Encoding",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Expect",
    "X-HTTP-Method-Override",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "Forwarded",
    "User-Agent",
    "X-CSRFToken",
]
pages = st.sampled_from(PAGES)


@pytest.fixture(autouse=True)
def serving(app: Quart) -> None:
    """Answer as in production, with nobody throttled."""
    app.testing, app.config["PROPAGATE_EXCEPTIONS"] = False, False


async def judge(browser: Browser, response: Response) -> None:
    """See that an answer is sound, whatever the question was."""
    body = await browser.text(response)
    assert response.status_code < 500, body
    for reflected in ("<script>alert", "<img src=x", "onerror=alert(1)>", "49\x7b%", "Traceback"):
        assert reflected not in body
    names = [name.lower() for name, _ in response.headers]
    assert len(names) - names.count("set-cookie") == len(set(names) - {"set-cookie"})
    for name, value in response.headers:
        assert "\r" not in name + value
        assert "\n" not in name + value
        assert "forged" not in value or name == "Location"
    if response.location:
        assert urlsplit(urljoin("http://localhost/", response.location)).netloc == "localhost"


def encode(fields: list[tuple[str, str]]) -> bytes:
    pairs = [
        "=".join(quote_plus(part.encode("utf-8", "surrogatepass")) for part in pair)
        for pair in fields
    ]
    return "&".join(pairs).encode()


@fuzz
@given(page=pages, name=st.sampled_from(["Accept", "Host", "Origin", "Referer"]), value=values)
async def test_any_negotiation_header(browser: Browser, page: str, name: str, value: str) -> None:
    # The test client makes a URL of the host, which brackets would break before they are sent.
    headers = {name: value.replace("[", "").replace("]", "") if name == "Host" else value}
    await judge(browser, await browser.get(page, headers=headers))
    await judge(browser, await browser.post(page, headers=headers))


@fuzz
@given(page=pages, value=values, scheme=st.sampled_from(["", "Bearer ", "Basic ", "Digest "]))
async def test_any_authorization(browser: Browser, page: str, scheme: str, value: str) -> None:
    answer = await browser.get(page, headers={"Authorization": scheme + value})
    await judge(browser, answer)
    assert NAME not in await browser.text(answer)


@fuzz
@given(
    names=st.lists(
        st.sampled_from(HEADERS),
        min_size=1,
        unique=True,
    ),
    value=values,
    path=pages | st.just("/static/style.css"),
)
async def test_any_other_header(browser: Browser, names: list[str], value: str, path: str) -> None:
    await judge(browser, await browser.get(path, headers=dict.fromkeys(names, value)))


@fuzz
@given(
    kind=st.sampled_from(["session", "remember", "browser"]),
    value=values,
    page=pages,
)
async def test_any_cookie(browser: Browser, page: str, kind: str, value: str) -> None:
    name = browser.app.config[f"{kind.upper()}_COOKIE_NAME"]
    for cookie in (f"{name}={value}", f'{name}="{value}"', value):
        answer = await Browser(browser.app).get(page, headers={"Cookie": cookie})
        await judge(browser, answer)
        assert NAME not in await browser.text(answer)


@fuzz
@given(path=texts)
async def test_any_path(browser: Browser, member: Browser, path: str) -> None:
    octets = path.encode("utf-8", "surrogatepass")
    for start in ("/", "/static/", "/account/sessions/"):
        await judge(browser, await browser.get(start + quote(octets)))
        await judge(member, await member.get(start + quote(octets, safe="")))


@fuzz
@given(target=texts | st.from_regex(r"[/\\]{1,4}[\w.@:]{0,5}[/\\]?", fullmatch=True))
async def test_any_next(browser: Browser, member: Browser, target: str) -> None:
    path = "/?next=" + quote(target.encode("utf-8", "surrogatepass"), safe="")
    await judge(browser, await browser.get(path))
    answer = await member.get(path)
    await judge(member, answer)
    assert answer.status_code == 303
    refused = await browser.submit(path, username="nobody", password="")
    await judge(browser, refused)


@pytest.mark.form
@fuzz
@given(fields=forms)
async def test_any_login_form(browser: Browser, fields: list[tuple[str, str]]) -> None:
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-CSRFToken": await browser.token(),
    }
    answer = await browser.post("/", data=encode(fields), headers=headers)
    await judge(browser, answer)
    assert answer.status_code in (400, 401, 403)


@pytest.mark.passwords
@fuzz
@given(fields=forms)
async def test_any_account_form(member: Browser, fields: list[tuple[str, str]]) -> None:
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-CSRFToken": await member.token(),
    }
    answer = await member.post("/account/password", data=encode(fields), headers=headers)
    await judge(member, answer)
    assert answer.status_code in (400, 401, 403)


@fuzz
@given(document=documents, page=pages)
async def test_any_json(browser: Browser, document: Any, page: str) -> None:
    headers = {"Content-Type": "application/json", "X-CSRFToken": await browser.token()}
    answer = await browser.post(page, data=json.dumps(document), headers=headers)
    await judge(browser, answer)
    assert not await browser.is_logged_in()


@fuzz
@given(
    name=values,
    filename=values,
    body=blobs,
    cut=st.integers(0, 400),
    boundary=st.sampled_from(["x", "", '"x"', "x" * 100, "\u00e9", "x; charset=klingon"]),
)
async def test_any_multipart(
    browser: Browser, name: str, filename: str, body: bytes, cut: int, boundary: str
) -> None:
    part = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'
    sent = b"--x\r\n" + part.encode("latin-1") + body + b"\r\n--x--\r\n"
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "X-CSRFToken": await browser.token(),
    }
    await judge(browser, await browser.post("/", data=sent[:cut], headers=headers))
    await judge(browser, await browser.post("/", data=sent, headers=headers))


@fuzz
@given(kind=values, body=blobs, page=pages)
async def test_any_body_of_any_type(browser: Browser, kind: str, body: bytes, page: str) -> None:
    await judge(browser, await browser.post(page, data=body, headers={"Content-Type": kind}))


@fuzz
@given(method=st.text(st.characters(min_codepoint=65, max_codepoint=90), min_size=1), page=pages)
async def test_any_method(browser: Browser, method: str, page: str) -> None:
    await judge(browser, await browser.open(page, method=method))


@fuzz
@given(agent=values)
async def test_any_device_name_is_shown_as_text(app: Quart, users: Any, agent: str) -> None:
    browser = Browser(app)
    browser.headers["User-Agent"] = MARKUP + agent
    assert (await browser.login()).status_code == 303
    page = await browser.get("/account/sessions")
    await judge(browser, page)
    await browser.submit("/account/sessions/end")


@fuzz
@given(sent=blobs, length=st.integers(0, 1000))
async def test_any_body_that_breaks_off(browser: Browser, sent: bytes, length: int) -> None:
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": str(length),
        "Host": "localhost",
    }
    connection = browser.client.request("/", method="POST", headers=headers)
    async with connection:
        await connection.send(sent)
        await asyncio.sleep(0)
        await connection.disconnect()
    assert (await browser.get("/healthz")).status_code == 200


@fuzz
@given(token=texts.filter(bool), label=texts)
async def test_any_token(users: Any, store: Any, load: Any, token: str, label: str) -> None:
    assert await store.token_owner(token) is None
    assert await load(token) is None
    assert await store.resume(token, Client("", "")) is None
    assert await store.known_browser(account_key(label), token) is None
    assert await users.authenticate(label, token) is None


async def test_json_that_is_nested_too_deeply_is_malformed(app: Quart) -> None:
    @app.get("/json")
    @public
    async def take() -> str:
        """Read what is sent."""
        return str(await request.get_json())

    headers = {"Content-Type": "application/json"}
    for text in ("[" * 100_000, '{"a":' * 100_000, "["):
        answer = await Browser(app).get("/json", data=text, headers=headers)
        assert answer.status_code == 400
