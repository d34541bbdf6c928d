"""The pages: what is on them, and what a program gets in their place."""

from browser import NAME, Browser


async def test_protected_page_names_who_is_logged_in(member: Browser) -> None:
    assert f"Logged in as: {NAME}" in await member.text(await member.get("/protected"))


async def test_health_and_readiness_are_public(browser: Browser) -> None:
    for path in ("/healthz", "/readyz"):
        response = await browser.get(path)
        assert (response.status_code, await browser.text(response)) == (200, "ok")


async def test_unknown_page_is_not_found_in_the_form_the_client_reads(browser: Browser) -> None:
    page = await browser.get("/nowhere")
    assert (page.status_code, page.mimetype) == (404, "text/html")
    text = await browser.get("/nowhere", headers={"Accept": "*/*"})
    assert (text.status_code, await browser.text(text)) == (404, "Not Found")
    data = await browser.get("/nowhere", headers={"Accept": "application/json"})
    assert (data.status_code, (await data.get_json())["error"]) == (404, "Not Found")
