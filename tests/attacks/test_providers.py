"""Attacks on logins at a provider: another's login delivered, logins begun, logouts made up."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from attacks.sites import Site, Start
from attacks.test_browser import confine, follow, is_logged_in, log_in
from identity import SECRET, Person
from playwright.async_api import Browser, Page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.soak,
    pytest.mark.parametrize("backend", ["oidc"], indirect=True, scope="session"),
]

ERROR = "chrome-error://chromewebdata/"
EVENTS: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}
FLOOD = 200


@contextmanager
def person(site: Site) -> Iterator[Person]:
    """Somebody with a browser of their own, which is none that could be tricked."""
    one = Person(site.url)
    yield one
    one.client.close()


def asked(site: Site, path: str) -> int:
    """Return how often the provider was asked for a page, as it says itself."""
    assert site.company
    return site.company.log.splitlines().count(f"GET {path}")


async def deliver(page: Page, url: str, pages: dict[str, str], target: str) -> None:
    """Lead a browser to an address from another site, in each way that there is."""
    address, _, query = target.partition("?")
    fields = [pair.partition("=") for pair in query.split("&")] if query else []
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, _, value in fields)
    pages["/"] = (
        f'<img src="{target}"><iframe src="{target}"></iframe><a href="{target}">win</a>'
        f'<form action="{address}">{inputs}<button id="get">win</button></form>'
        f'<form method="post" action="{target}"><button id="post">win</button></form>'
    )
    for selector in ("a", "#get", "#post"):
        await page.goto(url)
        await page.wait_for_load_state("networkidle")
        assert [frame.url for frame in page.frames[1:]] == [ERROR]
        answer = await follow(page, selector)
        assert answer.status in (401, 403, 405), (selector, answer.url)


async def test_another_site_begins_no_login(
    chromium: Browser, site: Site, attacker: tuple[str, dict[str, str]]
) -> None:
    url, pages = attacker
    page, before = await (await chromium.new_context()).new_page(), asked(site, "/auth")
    await deliver(page, url, pages, f"{site.url}/login/company")
    assert asked(site, "/auth") == before
    assert not await is_logged_in(page.context, site)


async def test_another_site_logs_nobody_in_as_somebody_else(
    chromium: Browser, site: Site, attacker: tuple[str, dict[str, str]]
) -> None:
    url, pages = attacker
    context = await chromium.new_context()
    page = await context.new_page()
    with person(site) as mallory:
        back = await asyncio.to_thread(mallory.callback, "mallory")
        # Who has not begun a login, who has, and who is logged in.
        await deliver(page, url, pages, back)
        await page.goto(site.url)
        await page.click("text=Log in with Company")
        await page.wait_for_url("**/interaction/**")
        await deliver(page, url, pages, back)
        await page.goto(f"{site.url}/protected")
        assert "Logged in" not in await page.inner_text("body")
        await log_in(page, site)
        await deliver(page, url, pages, back)
        assert await is_logged_in(context, site)
        # It would have been good in the browser that began it.
        assert (await asyncio.to_thread(mallory.client.get, back)).url.path == "/home"


async def test_answer_of_the_provider_leads_nowhere_else(site: Site) -> None:
    with person(site) as alice:
        back = await asyncio.to_thread(alice.callback)
        page = await asyncio.to_thread(alice.client.get, f"{back}&next=//evil.example")
    assert str(page.url) == f"{site.url}/home"


async def test_frame_that_goes_straight_to_the_provider_shows_nothing_of_ours(
    chromium: Browser, start: Start, attacker: tuple[str, dict[str, str]]
) -> None:
    url, pages = attacker
    context = await chromium.new_context()
    page = await context.new_page()
    with start(OIDC_DIRECT="yes") as site:
        pages["/"] = f'<iframe src="{site.url}/?next=/protected"></iframe>'
        await page.goto(f"{site.url}/protected")
        while "/interaction/" in page.url:
            if await page.query_selector("[name=login]"):
                await page.fill("[name=login]", site.name)
                await page.fill("[name=password]", site.password)
            async with page.expect_navigation():
                await page.click("button[type=submit]")
        assert page.url == f"{site.url}/protected"
        await context.clear_cookies(name=f"{site.package}_session")
        left = await confine(context, site)
        await context.route(f"{url}/**", lambda route: route.continue_())
        await page.goto(url)
        await page.wait_for_load_state("networkidle")
        _, frame = page.frames
        # Whether the provider's pages show in a frame is the provider's to say.
        assert not frame.url.startswith(site.url)
        assert "Logged in" not in await frame.content()
        assert left == []


def encode(part: bytes) -> str:
    """Write bytes as tokens have them."""
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def forge(site: Site, algorithm: str, kid: str) -> str:
    """Return a token that orders the logout of alice, and that the provider has not signed."""
    assert site.company
    now = int(time.time())
    claims: dict[str, Any] = {"iss": site.company.url, "aud": "an-app", "sub": site.name}
    claims |= {"iat": now, "exp": now + 60, "jti": secrets.token_hex(), "events": EVENTS}
    header = {"alg": algorithm, "typ": "logout+jwt", "kid": kid}
    signed = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    signature = {
        "none": b"",
        "HS256": hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest(),
    }
    return f"{signed}.{encode(signature.get(algorithm, secrets.token_bytes(256)))}"


async def test_flood_of_forged_logouts_ends_nothing_and_holds_up_nobody(site: Site) -> None:
    assert site.company
    with person(site) as alice, person(site) as other:
        await asyncio.to_thread(alice.come_in)
        page = await asyncio.to_thread(alice.client.get, f"{site.company.url}/jwks")
        keys = page.json()["keys"]
        before, seen = asked(site, "/jwks"), Counter[int]()
        kinds = [("none", ""), ("HS256", ""), ("HS256", keys[0]["kid"]), ("RS256", keys[0]["kid"])]
        tokens = [forge(site, *kind) for kind in kinds]
        tokens += [forge(site, "RS256", secrets.token_hex()) for _ in range(FLOOD)]
        own = [one for one in alice.client.cookies.jar if one.name.startswith(site.package)]
        cookies = {one.name: str(one.value) for one in own}
        limits = httpx.Limits(max_connections=20)
        async with (
            httpx.AsyncClient(base_url=site.url, timeout=60, limits=limits) as flood,
            httpx.AsyncClient(
                base_url=site.url, timeout=60, cookies=cookies, headers={"Connection": "close"}
            ) as inside,
        ):
            path = "/login/company/logout"
            sending = [flood.post(path, data={"logout_token": token}) for token in tokens]
            answers = asyncio.ensure_future(asyncio.gather(*sending))
            while not answers.done():
                seen[(await inside.get("/protected")).status_code] += 1
        assert {answer.status_code for answer in await answers} == {400}
        assert (set(seen), seen[200] > FLOOD // 20) == ({200}, True)
        # Keys that nobody knows are looked for once in a while, not for each who names one.
        assert asked(site, "/jwks") - before <= 3
        assert await asyncio.to_thread(alice.is_logged_in)
        # The provider itself is still heard, and others still come in.
        await asyncio.to_thread(other.come_in)
        page = await asyncio.to_thread(alice.client.get, f"{site.company.url}/session/end")
        await asyncio.to_thread(alice.fill, page, logout="yes")
        assert not await asyncio.to_thread(alice.is_logged_in)
        assert await asyncio.to_thread(other.is_logged_in)
