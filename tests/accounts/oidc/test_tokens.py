"""What of a provider's answer is believed: nothing that is not signed for this very login."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from browser import NAME, Browser
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from provider import CLIENT, ISSUER, SECRET, Provider, signing_key

EVENT = {"http://schemas.openid.net/event/backchannel-logout": {}}


def encode(**parts: Any) -> str:
    """Write a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()


def unsigned(claims: dict[str, Any]) -> str:
    return f"{encode(alg='none')}.{encode(**claims)}."


def signed_by_secret(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET), algorithms=["HS256"])


def signed_by_public_key(claims: dict[str, Any]) -> str:
    # As if the key that all may read were a secret that two share.
    pem = signing_key().as_pem(private=False)
    key = OctKey.import_key(base64.urlsafe_b64encode(pem).decode())
    header = {"alg": "HS256", "kid": "tests"}
    return jwt.encode(header, claims, key, algorithms=["HS256"])


def signed_by_another(claims: dict[str, Any]) -> str:
    key = RSAKey.generate_key(2048)
    return jwt.encode({"alg": "RS256", "kid": "tests"}, claims, key)


def with_its_own_key(claims: dict[str, Any]) -> str:
    key = RSAKey.generate_key(2048)
    header = {"alg": "RS256", "kid": "mine", "jwk": key.as_dict(private=False)}
    return jwt.encode(header, claims, key)


def cut(claims: dict[str, Any]) -> str:
    return "a.b"


FORGERIES = [unsigned, signed_by_secret, signed_by_public_key, signed_by_another]
FORGERIES += [with_its_own_key, cut]


@pytest.mark.promise(43, asvs="9.1.1, 9.1.2, 9.1.3")
@pytest.mark.parametrize("forge", FORGERIES)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
async def test_token_that_the_provider_has_not_signed_is_refused(
    forge: Callable[[dict[str, Any]], str],
    provider: Provider,
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = int(time.time())
    usual = {"iss": ISSUER, "aud": CLIENT, "iat": now, "exp": now + 60}
    monkeypatch.setattr(provider, "sign", lambda claims: forge({**usual, **claims}))
    response = await browser.login()
    assert response.status_code == 401
    assert "not to be believed" in await browser.text(response)
    assert not await browser.is_logged_in()


WRONG: list[dict[str, Any]] = [
    {"iss": "https://evil.example"},
    {"iss": f"{ISSUER}/"},
    {"aud": "another-app"},
    {"aud": ["another-app"]},
    {"aud": [CLIENT, "another-app"]},
    {"aud": [CLIENT, "another-app"], "azp": "another-app"},
    {"azp": "another-app"},
    {"aud": None},
    {"exp": 1},
    {"exp": None},
    {"exp": True},
    {"exp": "tomorrow"},
    {"iat": 2**40},
    {"nbf": 2**40},
    {"nonce": "another"},
    {"nonce": None},
    {"nonce": 1},
    {"sub": None},
    {"sub": ""},
    {"sub": "x" * 256},
    {"sub": "a\0b"},
    {"sub": ["alice"]},
]


@pytest.mark.promise(43, asvs="9.2.1, 9.2.3, 10.5.1, 10.5.2, 10.5.4")
@pytest.mark.parametrize("wrong", WRONG, ids=str)
async def test_token_that_is_not_of_this_login_is_refused(
    wrong: dict[str, Any], provider: Provider, browser: Browser
) -> None:
    provider.claims[NAME] = wrong
    assert (await browser.login()).status_code == 401
    assert not await browser.is_logged_in()
    provider.claims[NAME] = {"aud": [CLIENT, "another-app"], "azp": CLIENT}
    assert (await browser.login()).status_code == 303


@pytest.mark.settings(OIDC_LEEWAY="10s")
async def test_clock_of_the_provider_may_be_a_little_wrong(
    provider: Provider, browser: Browser
) -> None:
    now = int(time.time())
    provider.claims[NAME] = {"iat": now + 5, "exp": now - 5}
    assert (await browser.login()).status_code == 303
    provider.claims[NAME] = {"iat": now + 60, "exp": now + 90}
    assert (await Browser(browser.app).login()).status_code == 401


@pytest.mark.promise(44, asvs="6.8.4, 7.5.3")
async def test_login_is_confirmed_by_who_has_just_proved_who_they_are(
    provider: Provider, member: Browser
) -> None:
    sent = await member.submit("/login/company?confirm=1")
    assert "prompt=login" in sent.headers["Refresh"]
    for stale in (int(time.time()) - 600, None):
        provider.claims[NAME] = {"auth_time": stale}
        assert (await member.login(path="/?confirm=1")).status_code == 401
    provider.claims[NAME] = {}
    assert (await member.login(path="/?confirm=1")).status_code == 303


BAD_LOGOUTS: list[dict[str, Any]] = [
    {"events": None},
    {"events": {}},
    {"events": {"http://schemas.openid.net/event/backchannel-logout": True}},
    {"nonce": "x"},
    {"sub": None, "sid": None},
    {"sub": "", "sid": None},
    {"sid": 1},
    {"jti": None},
    {"iat": 1},
    {"aud": "another-app"},
    {"iss": "https://evil.example"},
    {"exp": 1},
]


@pytest.mark.promise(45, asvs="9.2.2, 10.5.5")
@pytest.mark.parametrize("wrong", BAD_LOGOUTS, ids=str)
async def test_logout_that_the_provider_did_not_order_ends_nothing(
    wrong: dict[str, Any], provider: Provider, member: Browser, browser: Browser
) -> None:
    claims = {"sub": f"id of {NAME}", "jti": "1", "events": EVENT, **wrong}
    token = provider.sign({name: value for name, value in claims.items() if value is not None})
    answer = await browser.post("/login/company/logout", form={"logout_token": token})
    assert answer.status_code == 400
    assert await member.is_logged_in()


@pytest.mark.promise(45, asvs="10.5.5")
async def test_logout_token_ends_the_logins_of_one_session_once(
    provider: Provider, member: Browser, browser: Browser
) -> None:
    provider.claims[NAME] = {"sid": "laptop"}
    laptop = Browser(browser.app)
    await laptop.login()
    token = provider.sign({"sid": "laptop", "jti": "1", "events": EVENT})
    for expected in (200, 400):
        answer = await browser.post("/login/company/logout", form={"logout_token": token})
        assert answer.status_code == expected
    assert not await laptop.is_logged_in()
    assert await member.is_logged_in()
    token = provider.sign({"sub": f"id of {NAME}", "jti": "2", "events": EVENT})
    await browser.post("/login/company/logout", form={"logout_token": token})
    assert not await member.is_logged_in()


async def test_other_ways_to_write_to_the_logout_view_are_refused(browser: Browser) -> None:
    path = "/login/company/logout"
    for options in ({"form": {}}, {"json": {"logout_token": 1}}, {"data": b"\xff\0"}):
        assert (await browser.post(path, **options)).status_code == 400
    assert (await browser.post("/login/nobody/logout")).status_code == 404
