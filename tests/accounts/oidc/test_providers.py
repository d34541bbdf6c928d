"""Providers that do not answer as they should, and settings that say no provider."""

import asyncio
import json
import subprocess
import sys
from base64 import b64decode
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import pytest
from accounts import ConfigError
from accounts.oidc import provider as providers
from browser import NAME, PASSWORD, Browser
from httpx import ASGITransport
from provider import ISSUER, Provider
from quart import Quart

Answer = Callable[[Any, Any, Any], Awaitable[None]]


def answers(status: int, body: bytes) -> Answer:
    """Return a server that says this, whatever it is asked."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


async def hangs(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


def metadata(**changes: Any) -> bytes:
    usual = {"issuer": ISSUER, "authorization_endpoint": f"{ISSUER}/authorize"}
    return json.dumps({**usual, **changes}).encode()


BROKEN = {
    "500": answers(500, b"{}"),
    "no JSON": answers(200, b"<html>"),
    "no object": answers(200, b"[]"),
    "nested": answers(200, b"[" * 100_000),
    "no UTF-8": answers(200, b"\xff\xfe"),
    "huge": answers(200, b" " * 1_000_001),
    "redirect": answers(302, b"{}"),
    "another issuer": answers(200, metadata(issuer="https://evil.example")),
    "no issuer": answers(200, b"{}"),
    "no page": answers(200, metadata(authorization_endpoint=None)),
    "page by HTTP": answers(200, metadata(authorization_endpoint="http://login.example.org/")),
    "page of a script": answers(200, metadata(authorization_endpoint="javascript:alert(1)")),
    "line in it": answers(200, metadata(authorization_endpoint="https://a.example/\r\nX: y")),
    "hangs": hangs,
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_provider_that_does_not_answer_well_is_503_and_one_line(
    kind: str,
    serving: Quart,
    browser: Browser,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(providers, "TIMEOUT", 0.2)
    users = serving.extensions["accounts"].users
    users.providers["company"]._transport = ASGITransport(BROKEN[kind])
    answer = await browser.submit("/login/company")
    assert answer.status_code == 503
    lines = [one for one in caplog.records if one.levelname == "ERROR"]
    assert len(lines) == 1
    assert f"OIDC_COMPANY_ISSUER={ISSUER}: " in lines[0].getMessage()
    assert "\n" not in lines[0].getMessage()


async def test_login_stays_while_the_provider_is_gone(member: Browser, app: Quart) -> None:
    users = app.extensions["accounts"].users
    await users.close()
    users.providers["company"]._transport = ASGITransport(answers(500, b""))
    assert await member.is_logged_in()


@pytest.mark.settings(OIDC_COMPANY_CLIENT_SECRET="another")
async def test_secret_that_the_provider_does_not_take_is_named_and_not_shown(
    serving: Quart, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await browser.login()).status_code == 503
    assert "does not accept OIDC_COMPANY_CLIENT_ID and OIDC_COMPANY_CLIENT_SECRET" in caplog.text
    assert "another" not in caplog.text


BOTH = ["client_secret_basic", "client_secret_post"]
HEADER, FORM = "header", "form"


@pytest.mark.parametrize(
    ("methods", "secret", "place"),
    [
        (None, "a secret", HEADER),
        (5, "a secret", HEADER),
        (["client_secret_basic"], "a+secret/", HEADER),
        (BOTH, "a.secret~", HEADER),
        # Providers differ in whether they undo the quoting of a header; a form has one way.
        (BOTH, "a secret", FORM),
        (["client_secret_post"], "a.secret~", FORM),
    ],
    ids=str,
)
async def test_secret_is_sent_in_the_way_that_the_provider_reads(
    methods: object, secret: str, place: str
) -> None:
    sent: dict[str, str] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/token":
            form = dict(parse_qsl((await receive())["body"].decode()))
            header = dict(scope["headers"]).get(b"authorization", b"").decode()
            if header:
                pair = b64decode(header.removeprefix("Basic ")).decode()
                form |= zip(("client_id", HEADER), map(unquote_plus, pair.split(":")), strict=True)
            sent.update(form)
        listed = {"token_endpoint": f"{ISSUER}/token"}
        if methods is not None:
            listed["token_endpoint_auth_methods_supported"] = methods
        await answers(200, metadata(**listed))(scope, receive, send)

    settings = providers.ProviderSettings("company", "", ISSUER, "an-app", secret, (), ())
    provider = providers.Provider(settings, ASGITransport(app))
    await provider.redeem("a code", "a verifier", "http://localhost/")
    await provider.close()
    assert sent["client_id"] == "an-app"
    kept = {HEADER: sent.get(HEADER), FORM: sent.get("client_secret")}
    assert kept == {HEADER: None, FORM: None} | {place: secret}


async def test_unknown_keys_are_asked_for_once_in_a_while(
    app: Quart, provider: Provider, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    answer = provider.__call__

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await answer(scope, receive, send)

    users = app.extensions["accounts"].users
    users.providers["company"]._transport = ASGITransport(counting)
    sign = provider.sign
    monkeypatch.setattr(provider, "sign", lambda claims: sign(claims)[:-8] + "AAAAAAAA")
    for _ in range(4):
        assert (await browser.login()).status_code == 401
    # At the first login, and once more for the first signature that was wrong.
    assert asked.count("/keys") == 2
    monkeypatch.setattr(provider, "sign", sign)
    assert (await browser.login()).status_code == 303


async def test_many_who_ask_at_once_wait_for_one_answer(
    serving: Quart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers, "TIMEOUT", 0.5)
    asked: list[str] = []

    async def hanging(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await hangs(scope, receive, send)

    users = serving.extensions["accounts"].users
    users.providers["company"]._transport = ASGITransport(hanging)
    browsers = [Browser(serving) for _ in range(10)]
    tokens = [await browser.token() for browser in browsers]
    answers = await asyncio.gather(
        *(
            browser.post("/login/company", form={"csrf_token": token})
            for browser, token in zip(browsers, tokens, strict=True)
        )
    )
    assert {answer.status_code for answer in answers} == {503}
    assert len(asked) == 1


def test_what_speaks_to_providers_is_loaded_by_the_first_login() -> None:
    script = "import accounts.oidc, sys; print(sorted({'httpx', 'joserfc'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


async def test_addresses_have_the_prefix_that_the_app_is_mounted_below(
    app: Quart, provider: Provider
) -> None:
    browser = Browser(app)
    mounted = {"root_path": "/tool"}
    page = await browser.text(await browser.get("/tool/", **mounted))
    assert 'action="/tool/login/company"' in page
    form = {"csrf_token": await browser.token()}
    path = "/tool/login/company?next=/tool/protected"
    sent = await browser.post(path, form=form, **mounted)
    back = provider.visit(sent.headers["Refresh"].partition("url=")[2], NAME, PASSWORD)
    assert back.startswith("/tool/login/company/callback?")
    assert (await browser.get(back, **mounted)).location == "/tool/protected"


WRONG = [
    ("OIDC_PROVIDERS", {"OIDC_PROVIDERS": ","}),
    ("OIDC_PROVIDERS", {"OIDC_PROVIDERS": "the company"}),
    ("OIDC_COMPANY_ISSUER", {"OIDC_COMPANY_ISSUER": " "}),
    ("OIDC_COMPANY_ISSUER", {"OIDC_COMPANY_ISSUER": "login.example.org"}),
    ("OIDC_COMPANY_ISSUER", {"OIDC_COMPANY_ISSUER": "http://login.example.org"}),
    ("OIDC_COMPANY_ISSUER", {"OIDC_COMPANY_ISSUER": "https://u:p@login.example.org"}),
    ("OIDC_COMPANY_ISSUER", {"OIDC_COMPANY_ISSUER": "https://login.example.org:port"}),
    ("OIDC_COMPANY_ISSUER", {"OIDC_COMPANY_ISSUER": f"{ISSUER}/.well-known/openid-configuration"}),
    ("OIDC_COMPANY_CLIENT_ID", {"OIDC_COMPANY_CLIENT_ID": "''"}),
    ("OIDC_PARTNER_ISSUER", {"OIDC_PROVIDERS": "company,partner"}),
    ("OIDC_COMPANY_REQUIRES", {"OIDC_COMPANY_REQUIRES": "staff"}),
    ("OIDC_CLAIMS", {"OIDC_CLAIMS": "email"}),
    ("OIDC_CLAIMS", {"OIDC_CLAIMS": "phone=phone"}),
    ("OIDC_CLAIMS", {"OIDC_CLAIMS": "sub=password"}),
    ("OIDC_ROLES", {"OIDC_ROLES": "admins=admin"}),
    ("OIDC_LINK_BY", {"OIDC_LINK_BY": "phone"}),
    ("OIDC_LINK_BY", {"OIDC_LINK_BY": "email", "OIDC_CLAIMS": "x=email"}),
    ("OIDC_LEEWAY", {"OIDC_LEEWAY": "-1s"}),
    ("OIDC_DIRECT", {"OIDC_DIRECT": "perhaps"}),
]


@pytest.mark.parametrize(("name", "wrong"), WRONG, ids=str)
def test_wrong_setting_is_named_in_one_line(
    name: str, wrong: dict[str, str], config: dict[str, Any], package: ModuleType
) -> None:
    with pytest.raises(ConfigError) as raised:
        package.create_app({**config, **wrong})
    assert raised.value.message.startswith(name)
    assert "\n" not in raised.value.message


def test_commands_ask_providers_and_link_users(
    config: dict[str, Any], package: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def quart(*words: str) -> tuple[int, str]:
        app = package.create_app(config)
        result = app.test_cli_runner().invoke(args=["users", *words])
        return result.exit_code, result.output

    code, printed = quart("check")
    assert code == 0
    for word in (ISSUER, "an-app", "keys: tests (RSA)", "signs with: RS256", "logout): no"):
        assert word in printed
    assert "to: http://localhost:5000/login/company/callback," in printed
    assert "accepts CLIENT_ID and CLIENT_SECRET: yes" in printed
    with monkeypatch.context() as patch:
        patch.setitem(config, "OIDC_COMPANY_CLIENT_SECRET", "that of another app")
        patch.setitem(config, "ENVIRONMENT", "production")
        patch.setitem(config, "TRUSTED_HOSTS", ".example.org,app.example.org")
        code, printed = quart("check")
    assert code == 1
    assert "to: https://app.example.org/login/company/callback," in printed
    assert "not accept OIDC_COMPANY_CLIENT_ID and OIDC_COMPANY_CLIENT_SECRET.\n" in printed
    assert quart("link", "nobody", "company", "1") == (1, "Error: There is no user 'nobody'.\n")
    config["OIDC_TRANSPORT"] = ASGITransport(answers(500, b"{}"))
    code, printed = quart("check")
    assert code == 1
    assert f"Error: OIDC_COMPANY_ISSUER={ISSUER}: " in printed


def test_command_says_that_another_backend_asks_no_provider(
    config: dict[str, Any], package: ModuleType
) -> None:
    app = package.create_app(config)
    app.extensions["accounts"] = replace(app.extensions["accounts"], users=object())
    result = app.test_cli_runner().invoke(args=["users", "check"])
    assert result.output == "Error: Users do not come from providers here.\n"
