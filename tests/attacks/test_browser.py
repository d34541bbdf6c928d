"""Attacks that a browser has to be tricked into, judged by a real one."""

from __future__ import annotations

import itertools
import re
from urllib.parse import quote, urlsplit

import pytest
from attacks.sites import Site
from playwright.async_api import Browser, BrowserContext, Page, Response, Route

pytestmark = pytest.mark.slow

LISTED = [
    "//evil.example",
    r"/\evil.example",
    r"\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    " //evil.example",
    "////evil.example",
    "http:///evil.example",
    "https:evil.example",
    "//evil.example\u3002test",
    "//app@evil.example",
    r"///\evil.example",
    "%0a",
    "%00",
    "\0",
    "javascript:document.location='//evil.example'",
    "data:text/html,<script>location='//evil.example'</script>",
]
STARTS = ["/", "//", "\\", "/\\", "/\t", "\r/", "/.", "/..", "/;", "/@", "/%2f", "/%5c", "/?", "/#"]
MIDDLES = ["", "/", "//", "\\", "/\\", "@", ":80", "\t/"]
GENERATED = [f"{start}{middle}evil.example" for start, middle in itertools.product(STARTS, MIDDLES)]


async def log_in(page: Page, site: Site, query: str = "") -> None:
    """Fill in the login form and send it, or log in at the provider."""
    await page.goto(f"{site.url}{site.login}{query}")
    if site.company:
        await agree(page, site)
        return
    await page.fill(f"[name={site.field}]", site.name)
    await page.fill("[name=password]", site.password)
    async with page.expect_navigation():
        await page.press("[name=password]", "Enter")


async def agree(page: Page, site: Site) -> None:
    """Press the button of the provider, and do there what it asks for."""
    async with page.expect_navigation(url=re.compile("/interaction/|/home$")):
        await page.click("text=Log in with Company")
    while "/interaction/" in page.url:
        if await page.query_selector("[name=login]"):
            await page.fill("[name=login]", site.name)
            await page.fill("[name=password]", site.password)
        async with page.expect_navigation(url=re.compile("/interaction/|/home$")):
            await page.click("button[type=submit]")


async def is_logged_in(context: BrowserContext, site: Site) -> bool:
    """Open the protected page in a new tab."""
    page = await context.new_page()
    await page.goto(f"{site.url}/protected")
    text = await page.inner_text("body")
    await page.close()
    return f"Logged in as: {site.name}" in text


async def follow(page: Page, selector: str) -> Response:
    """Click, and return the answer that the browser is led to."""
    async with page.expect_navigation() as navigation:
        await page.click(selector)
    answer = await navigation.value
    assert answer is not None
    return answer


async def confine(context: BrowserContext, site: Site) -> list[str]:
    """Note the requests that go anywhere else, and stop them; but for what a provider's pages load.

    A browser that follows a redirect asks nobody here again, but the address where it ends.
    """
    left: list[str] = []
    company = urlsplit(site.company.url).netloc if site.company else ""

    async def stop(route: Route) -> None:
        request = route.request
        if urlsplit(request.url).netloc in (urlsplit(site.url).netloc, company):
            await route.continue_()
            return
        if request.is_navigation_request() or urlsplit(request.frame.url).netloc != company:
            left.append(request.url)
        await route.abort()

    await context.route("**/*", stop)
    return left


async def test_no_next_leads_off_the_site(chromium: Browser, site: Site) -> None:
    context = await chromium.new_context()
    page, left = await context.new_page(), await confine(context, site)
    await log_in(page, site)
    for target in LISTED + GENERATED:
        await page.goto(f"{site.url}{site.login}?next={quote(target, safe='')}")
        assert urlsplit(page.url).netloc == urlsplit(site.url).netloc, (target, page.url)
        if target in LISTED:
            assert urlsplit(page.url).path == "/home", (target, page.url)
    assert left == []


async def test_no_login_leads_off_the_site(chromium: Browser, site: Site) -> None:
    # Flask-Security refuses the login, or leads to what it has made of it, on the site.
    home = "" if site.backend == "security" else "/home"
    for target in LISTED:
        context = await chromium.new_context()
        page, left = await context.new_page(), await confine(context, site)
        await log_in(page, site, f"?next={quote(target, safe='')}")
        assert page.url.startswith(f"{site.url}/"), (target, page.url)
        assert page.url.endswith(home), (target, page.url)
        assert left == []
        await context.close()


async def test_browser_would_have_followed(chromium: Browser, site: Site) -> None:
    """See that the judge is not blind."""
    context = await chromium.new_context()
    page, left = await context.new_page(), await confine(context, site)
    await page.goto(f"{site.url}/")
    await page.evaluate(r"setTimeout(() => { location = '/\\evil.example' })")
    await page.wait_for_timeout(500)
    assert left == ["http://evil.example/"]


async def test_form_of_another_site_changes_nothing(
    chromium: Browser, site: Site, attacker: tuple[str, dict[str, str]]
) -> None:
    url, pages = attacker
    context = await chromium.new_context()
    page = await context.new_page()
    await log_in(page, site)
    for path in site.changes:
        pages["/"] = f'<form method="post" action="{site.url}{path}"><button>win</button></form>'
        await page.goto(url)
        answer = await follow(page, "button")
        assert (answer.url, answer.status) == (f"{site.url}{path}", 403)
    assert await is_logged_in(context, site)


async def test_form_of_another_site_logs_nobody_in(
    chromium: Browser, site: Site, attacker: tuple[str, dict[str, str]]
) -> None:
    url, pages = attacker
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(f"{site.url}{site.login}")
    token = await page.get_attribute("[name=csrf_token]", "value")
    fields = {site.field: site.name, "password": site.password, "csrf_token": token}
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    for path in site.entrances:
        form = f'<form method="post" action="{site.url}{path}">{inputs}<button>win</button></form>'
        pages["/"] = form
        await page.goto(url)
        answer = await follow(page, "button")
        assert (answer.url, answer.status) == (f"{site.url}{path}", 403)
    assert not await is_logged_in(context, site)


async def test_link_and_image_of_another_site_end_no_login(
    chromium: Browser, site: Site, attacker: tuple[str, dict[str, str]]
) -> None:
    url, pages = attacker
    pages["/"] = f'<img src="{site.url}/logout"><a href="{site.url}/logout">win</a>'
    context = await chromium.new_context()
    page = await context.new_page()
    await log_in(page, site)
    await page.goto(url)
    answer = await follow(page, "a")
    assert answer.status == 405
    assert await is_logged_in(context, site)


async def test_page_in_a_frame_of_another_site_stays_empty(
    chromium: Browser, site: Site, attacker: tuple[str, dict[str, str]]
) -> None:
    url, pages = attacker
    # Flask-Security's pages have a policy of their own.
    paths = ["/protected", *(["/change", "/tf-setup"] if site.backend == "security" else [])]
    pages["/"] = "".join(f'<iframe src="{site.url}{path}"></iframe>' for path in paths)
    context = await chromium.new_context()
    page = await context.new_page()
    await log_in(page, site)
    await page.goto(url)
    await page.wait_for_timeout(500)
    _, *frames = page.frames
    assert [frame.url for frame in frames] == ["chrome-error://chromewebdata/"] * len(paths)
    for frame in frames:
        assert "Logged in" not in await frame.content()


async def test_script_of_another_site_reads_nothing(
    chromium: Browser, site: Site, attacker: tuple[str, dict[str, str]]
) -> None:
    url, pages = attacker
    pages["/"] = "<p>A page of the attacker</p>"
    context = await chromium.new_context()
    page = await context.new_page()
    await log_in(page, site)
    await page.goto(url)
    read = await page.evaluate(
        "url => fetch(url, {credentials: 'include'}).then(r => r.text(), e => String(e))",
        f"{site.url}/protected",
    )
    assert read == "TypeError: Failed to fetch"


async def test_script_sees_no_cookie(chromium: Browser, site: Site) -> None:
    context = await chromium.new_context()
    page = await context.new_page()
    await log_in(page, site)
    # A provider's are of the same host here.
    names = {cookie["name"] for cookie in await context.cookies()}
    assert {name for name in names if name.startswith(site.package)} == site.cookies
    assert await page.evaluate("document.cookie") == ""
