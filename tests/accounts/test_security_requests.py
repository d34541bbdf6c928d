"""Attacks by single requests: forged, malformed, from elsewhere."""

import asyncio
import logging
from types import ModuleType
from typing import Any

import pytest
from accounts import BackendUnavailable
from browser import NAME, PASSWORD, Browser
from quart import Quart, Response, request
from quart.datastructures import FileStorage
from rendered import Clock

COOKIES = ("SESSION_COOKIE_NAME", "REMEMBER_COOKIE_NAME", "BROWSER_COOKIE_NAME")
MULTIPART = "multipart/form-data; boundary=x"
URLENCODED = "application/x-www-form-urlencoded"


@pytest.mark.passwords
@pytest.mark.promise(16, asvs="3.5.1")
async def test_form_without_the_token_of_its_session_is_refused(
    app: Quart, member: Browser
) -> None:
    other = Browser(app)
    login = {"username": NAME, "password": PASSWORD}
    for token in (None, "", "junk", await other.token()):
        form = {} if token is None else {"csrf_token": token}
        for path in ("/logout", "/account/password", "/account/sessions/end"):
            assert (await member.post(path, form=form | login)).status_code == 403
    assert (await Browser(app).post("/", form=login)).status_code == 403
    assert await member.is_logged_in()


@pytest.mark.promise(16, asvs="3.5.1, 3.5.2")
async def test_form_of_another_site_is_refused_even_with_the_token(member: Browser) -> None:
    token = await member.token()
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "junk"},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:8000"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ):
        answer = await member.post("/logout", form={"csrf_token": token}, headers=headers)
        assert answer.status_code == 403, headers
    assert await member.is_logged_in()
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
    answer = await member.post("/logout", form={"csrf_token": token}, headers=own)
    assert answer.status_code == 303


@pytest.mark.promise(16, asvs="3.5.1")
async def test_program_needs_no_form_token_but_a_browser_cannot_pass_for_one(
    app: Quart, member: Browser, bearer: dict[str, str]
) -> None:
    path = "/account/sessions/end"
    for headers in ({"Authorization": "Bearer junk"}, {"Authorization": "Basic eDp5"}, bearer):
        assert (await member.post(path, headers=headers)).status_code == 403
    assert await member.is_logged_in()
    assert (await Browser(app).post(path, headers=bearer)).status_code == 303
    assert not await member.is_logged_in()


@pytest.mark.form
@pytest.mark.promise(17, asvs="3.2.1, 3.4.3, 3.4.4, 3.4.5, 3.4.6, 3.4.8, 14.3.2")
async def test_every_answer_has_the_headers_errors_included(
    serving: Quart, member: Browser, browser: Browser
) -> None:
    @serving.get("/fault")
    async def fault() -> str:
        raise RuntimeError("a secret of the server")

    big = "x" * 17_000_000
    answers: dict[int, Response] = {}
    for answer in (
        await browser.get("/"),
        await browser.get("/protected"),
        await browser.get("/", headers={"Host": "evil.example"}),
        await browser.get("/protected", headers={"Accept": "*/*"}),
        await browser.post("/"),
        await browser.get("/nowhere"),
        await browser.get("/logout"),
        await browser.post("/", data=big, headers={"Content-Type": URLENCODED}),
        await member.get("/fault"),
        await member.get("/protected"),
        await member.get("/static/style.css"),
    ):
        policy = answer.headers["Content-Security-Policy"]
        directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        assert directives == {
            "default-src": "'self'",
            "base-uri": "'none'",
            "form-action": "'self'",
            "frame-ancestors": "'none'",
            "object-src": "'none'",
        }
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "Strict-Transport-Security" not in answer.headers
        assert "secret" not in await browser.text(answer)
        if answer.mimetype != "text/css":
            assert answer.headers["Cache-Control"] == "no-store"
        answers[answer.status_code] = answer
    assert set(answers) == {200, 303, 400, 401, 403, 404, 405, 413, 500}


@pytest.mark.promise(17, asvs="3.4.1")
@pytest.mark.settings(SESSION_COOKIE_SECURE=True)
async def test_production_tells_browsers_to_keep_to_https(browser: Browser) -> None:
    for path in ("/", "/nowhere", "/static/style.css"):
        header = (await browser.get(path)).headers["Strict-Transport-Security"]
        assert int(header.removeprefix("max-age=")) >= 365 * 24 * 60 * 60


@pytest.mark.promise(17, asvs="3.4.3")
async def test_pages_hold_no_inline_script_or_style(member: Browser) -> None:
    for path in ("/protected", "/account/sessions", "/account/password", "/nowhere"):
        page = await member.text(await member.get(path))
        for inline in ("<script", "<style", "style=", "onclick", "onload", "javascript:"):
            assert inline not in page


@pytest.mark.promise(19, asvs="4.1.3")
async def test_foreign_host_is_refused(browser: Browser) -> None:
    for host in ("evil.example", "localhost.evil.example", "localhost@evil.example", "evil", ""):
        for path in ("/", "/static/style.css", "/nowhere"):
            answer = await browser.get(path, headers={"Host": host})
            assert answer.status_code == 400
            assert "evil" not in await browser.text(answer)


@pytest.mark.promise(19, asvs="4.1.3")
async def test_health_is_told_under_any_host_and_nothing_else(
    serving: Quart, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ping() -> None:
        raise BackendUnavailable("The store of secrets does not answer")

    for host in ("10.1.2.3:8000", "[2001:db8::1]:8000", "evil.example", ""):
        for path in ("/healthz", "/readyz"):
            answer = await browser.get(path, headers={"Host": host})
            assert (answer.status_code, await browser.text(answer)) == (200, "ok")
    monkeypatch.setattr(serving.extensions["accounts"].store, "ping", ping)
    for headers in ({"Accept": "text/html"}, {"Accept": "application/json"}):
        answer = await browser.get("/readyz", headers={"Host": "10.1.2.3:8000", **headers})
        assert (answer.status_code, await browser.text(answer)) == (503, "Service Unavailable")
    assert (await browser.post("/healthz", headers={"Host": "10.1.2.3:8000"})).status_code == 400


@pytest.mark.promise(19, asvs="4.1.3, 15.3.4")
async def test_forwarded_headers_change_nothing_without_a_trusted_proxy(
    member: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    spoofed = {
        "X-Forwarded-For": "198.51.100.7",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "for=198.51.100.7;host=evil.example;proto=https",
    }
    assert (await member.get("/protected", headers=spoofed)).status_code == 200
    answer = await Browser(member.app).get("/protected", headers=spoofed)
    assert answer.location == "/?next=/protected"
    caplog.clear()
    token = await member.token()
    await member.post("/logout", form={"csrf_token": token}, headers=spoofed)
    assert "198.51.100.7" not in caplog.text


@pytest.mark.promise(19, asvs="4.1.3, 15.3.4")
async def test_only_what_the_trusted_proxy_says_is_believed(
    config: dict[str, Any], package: ModuleType
) -> None:
    app = package.create_app({**config, "TRUSTED_PROXIES": 1})
    addresses = []

    @app.before_request
    async def note() -> None:
        addresses.append(request.remote_addr)

    async with app.test_app():
        forwarded = {"X-Forwarded-For": "198.51.100.7, 192.0.2.9"}
        await app.test_client().get("/healthz", headers=forwarded)
    assert addresses == ["192.0.2.9"]


FORMS: list[tuple[str, bytes]] = [
    (URLENCODED, b"username=%ff%00&password=\xff\xfe&csrf_token=%ed%a0%80"),
    (URLENCODED, b"username=a&username=b&password=c&password=d&csrf_token=e&csrf_token=f"),
    (URLENCODED, b"&&&=&%=%%%"),
    (URLENCODED + "; charset=klingon", b"username=a"),
    (MULTIPART, b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\nali'),
    (MULTIPART, b"--x\r\nContent-Disposition\r\n\r\n"),
    (MULTIPART, b'--x\r\nContent-Disposition: form-data; name="a"; filename="\xff\x00"\r\n\r\n'),
    (MULTIPART, b"--y--\r\n" * 100),
    ("multipart/form-data", b"--x--"),
    ("multipart/form-data; boundary=\u00e9", b"--x--"),
    ("multipart/form-data; boundary=" + "x" * 500, b"--x--"),
    ("application/json", b'{"username": {"a": 1}, "password": [1]}'),
    ("application/json", b"[1, 2"),
    ("application/json", b'"\\ud800"'),
    ("application/json; charset=klingon", b"{}"),
    ("text/plain", b"username=a"),
    ("\u00e9/\u00e9", b"\x00"),
    ("", b"username=a"),
]


@pytest.mark.form
@pytest.mark.promise(21, asvs="2.2.1, 15.3.5, 16.5.4")
async def test_malformed_body_is_refused(serving: Quart, browser: Browser) -> None:
    tokens = {"X-CSRFToken": await browser.token()}
    for kind, body in FORMS:
        for headers in ({}, tokens):
            answer = await browser.post("/", data=body, headers={"Content-Type": kind, **headers})
            assert answer.status_code in (400, 401, 403, 429), (kind, body)


@pytest.mark.form
@pytest.mark.promise(21, asvs="2.2.1, 15.3.5, 15.3.7")
async def test_fields_of_other_types_are_no_texts(
    serving: Quart, browser: Browser, bearer: dict[str, str]
) -> None:
    token = await browser.token()
    upload = {name: FileStorage(filename=name) for name in ("username", "password", "remember")}
    answer = await browser.post("/", files=upload, form={"csrf_token": token})
    assert answer.status_code == 400
    for document in ([1], "x", 5, None, {"username": 5, "password": {}}, {"username": NAME}):
        answer = await browser.post("/", json=document, headers=bearer)
        assert answer.status_code == 400


@pytest.mark.promise(21, asvs="1.4.2, 2.2.1")
async def test_odd_values_are_refused_and_not_a_fault(serving: Quart, member: Browser) -> None:
    token = await member.token()
    for number in (2**31 - 1, 2**31, 2**63, 10**400):
        answer = await member.post(f"/account/sessions/{number}/end", form={"csrf_token": token})
        assert answer.status_code in (303, 404)
    for name in ("\0", "\u202e" * 100, "'; DROP TABLE users; --", "x" * 300_000):
        answer = await Browser(serving).login(name, "\u00e9\0\ufffe")
        assert answer.status_code in (400, 401, 413)
    for path in ("/static/" + "x" * 300, "/static/a%00b", "/static/%2e%2e/app.py", "/%ff%00"):
        assert (await member.get(path)).status_code == 404
    assert (await member.get("/account//sessions")).status_code < 400
    for header in ("Basic \u00e9", "Bearer \u00ff", "Bearer", "", "Digest a=\xff", "\0"):
        answer = await Browser(serving).get("/protected", headers={"Authorization": header})
        assert answer.status_code in (303, 401)
    name = serving.config["SESSION_COOKIE_NAME"]
    for cookie in (f"{name}=\u00e9", f"{name}=" + "x" * 8000, "=;;=", f'{name}="\\351\\0"', "x"):
        answer = await Browser(serving).get("/protected", headers={"Cookie": cookie})
        assert answer.status_code == 303


@pytest.mark.form
@pytest.mark.promise(21, asvs="15.2.2")
async def test_body_of_17_megabytes_is_too_large(serving: Quart, browser: Browser) -> None:
    tokens = {"X-CSRFToken": await browser.token()}
    for kind in (URLENCODED, MULTIPART):
        headers = {"Content-Type": kind, **tokens}
        answer = await browser.post("/", data=b"x" * 17_000_000, headers=headers)
        assert answer.status_code == 413


@pytest.mark.promise(21, asvs="16.5.3")
async def test_client_that_leaves_in_the_middle_does_no_harm(
    serving: Quart, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"Content-Type": URLENCODED, "Content-Length": "1000"}
    for sent in (b"", b"username=alice&pass"):
        connection = browser.client.request("/", method="POST", headers=headers)
        async with connection:
            await connection.send(sent)
            await asyncio.sleep(0)
            await connection.disconnect()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert (await browser.login()).status_code == 303


@pytest.mark.promise(23, asvs="9.2.1, 11.5.1, 14.2.1")
async def test_token_opens_pages_by_its_header_and_nothing_else_does(
    app: Quart, bearer: dict[str, str], clock: Clock
) -> None:
    header = bearer["Authorization"]
    token = header.removeprefix("Bearer ")
    client = app.test_client()
    assert (await client.get("/protected", headers=bearer)).status_code == 200
    lower = {"Authorization": f"bearer {token}"}
    assert (await client.get("/protected", headers=lower)).status_code == 200
    for headers in (
        {"Authorization": token},
        {"Authorization": f"Token {token}"},
        {"Authorization": f"Basic {token}"},
        {"Authorization": f"Bearer {token[:-1]}"},
        {"Authorization": f"Bearer {token}x"},
        {"Authorization": f"Bearer {NAME}"},
        {"Authorization": "Bearer"},
        {"X-Api-Key": token},
        {"Cookie": "; ".join(f"{app.config[name]}={token}" for name in COOKIES)},
    ):
        assert (await client.get("/protected", headers=headers)).status_code == 401
    for query in (f"token={token}", f"api_key={token}", f"access_token={token}"):
        assert (await client.get(f"/protected?{query}")).status_code == 401
    clock.advance(101)
    assert (await client.get("/protected", headers=bearer)).status_code == 401


@pytest.mark.passwords
@pytest.mark.promise(23, asvs="6.3.4")
async def test_form_is_no_way_in_but_the_login(serving: Quart, browser: Browser) -> None:
    form = {"username": NAME, "password": PASSWORD, "csrf_token": await browser.token()}
    for path in ("/protected", "/account/sessions", "/account/password"):
        for headers in ({"Accept": "text/html"}, {"Accept": "application/json"}):
            answer = await browser.post(path, form=form, headers=headers)
            assert answer.status_code in (303, 401, 405)
            assert NAME not in await browser.text(answer)
    assert not await browser.is_logged_in()


@pytest.mark.passwords
@pytest.mark.promise(23, asvs="7.5.1")
async def test_token_does_not_change_the_password(
    app: Quart, bearer: dict[str, str], users: Any
) -> None:
    new = {"current": PASSWORD, "password": "another long one", "confirm": "another long one"}
    answer = await app.test_client().post("/account/password", form=new, headers=bearer)
    assert answer.status_code == 401
    assert await users.authenticate(NAME, PASSWORD)
