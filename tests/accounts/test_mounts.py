"""Below a prefix, and after a login: the very page that was asked for, and never another site."""

from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from accounts.web.redirects import is_local
from browser import NAME, PASSWORD, Browser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quart import Quart, request
from visits import KNOWN

once = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def wiki(app: Quart) -> None:
    """Pages that show how they were asked for."""

    @app.get("/wiki/<path:page>")
    async def wiki(page: str) -> dict[str, Any]:
        """Show it."""
        return {"page": page, "query": request.query_string.decode()}


async def log_in_on_the_way(app: Quart, sent: str, **options: Any) -> str:
    """Ask for a page, be sent to the form and log in; return where that leads."""
    browser = Browser(app)
    path, _, query = sent.partition("?")
    # As servers hand a request on.
    scope = {"path": unquote(path), "raw_path": path.encode(), "query_string": query.encode()}
    form = await browser.get("/", scope_base=scope, **options)
    assert form.status_code == 303
    login = await browser.login(path=form.location, **options.get("login", {}))
    assert login.status_code == 303
    return str(login.location)


@pytest.mark.promise(10, asvs="3.7.2")
@pytest.mark.parametrize(
    "sent",
    [
        "/wiki/caf%C3%A9",
        "/wiki/what%3F",
        "/wiki/a%2Fb",
        "/wiki/100%25",
        "/wiki/a%23b?c=%26&d=%C3%A9",
        "/wiki/a+b%20c",
        "/wiki/%2e%2e",
    ],
)
async def test_login_leads_to_the_very_page_that_was_asked_for(app: Quart, sent: str) -> None:
    assert await log_in_on_the_way(app, sent) == sent


@once
@given(page=st.text(min_size=1, max_size=20), query=st.text(max_size=10))
async def test_any_page_is_returned_to_and_never_another_site(
    app: Quart, page: str, query: str
) -> None:
    octets = page.encode("utf-8", "surrogatepass")
    sent = f"/wiki/{quote(octets)}?{quote(query.encode('utf-8', 'surrogatepass'))}"
    browser = Browser(app)
    path, _, rest = sent.partition("?")
    scope = {"path": unquote(path), "raw_path": path.encode(), "query_string": rest.encode()}
    answer = await browser.get("/", scope_base=scope)
    if answer.status_code != 303:
        # No page: the routing takes no such path.
        assert answer.status_code in (308, 400, 404)
        return
    [target] = parse_qs(urlsplit(answer.location).query)["next"]
    assert is_local(target)
    assert urlsplit(target).netloc == ""
    assert target == sent.rstrip("?")


@pytest.mark.form
@pytest.mark.parametrize("path", ["/tool/protected", "/protected"])
async def test_mounted_app_stays_below_its_prefix(app: Quart, path: str) -> None:
    browser = Browser(app)
    mounted = {"root_path": "/tool"}
    answer = await browser.get(path, **mounted)
    assert answer.location == "/tool/?next=/tool/protected"
    page = await browser.text(await browser.get("/tool", **mounted))
    assert 'href="/tool/static/style.css"' in page
    assert 'action="/tool/"' in page
    form = {"csrf_token": await browser.token(), "username": NAME, "password": PASSWORD}
    answer = await browser.post(answer.location, form=form, **mounted)
    assert answer.location == "/tool/protected"
    assert (await browser.get("/tool/static/style.css", **mounted)).status_code == 200
    for elsewhere in ("/protected", "/toolbox", "/", "//e"):
        answer = await browser.get(f"/tool/?next={elsewhere}", **mounted)
        assert answer.location == "/tool/home", elsewhere


@pytest.mark.settings(COOKIE_NAME="copy-2")
async def test_two_copies_under_one_host_have_cookies_of_their_own(member: Browser) -> None:
    names = {one.name for one in member.client.cookie_jar or ()}
    assert names == {f"copy-2_{kind}" for kind in ("session", *KNOWN)}
    assert {one.path for one in member.client.cookie_jar or ()} == {"/"}
