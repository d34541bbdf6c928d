"""The session's cookie is read where somebody asks for the session, and not elsewhere."""

from datetime import timedelta
from typing import Any

import pytest
from accounts.web import session_cookie
from browser import Browser
from quart import Quart, Response, session


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The cookies that are read."""
    cookies: list[str] = []
    native = session_cookie.SessionInterface._read

    def watch(self: Any, app: Quart, request: Any) -> Any:
        cookies.append(request.cookies.get(app.config["SESSION_COOKIE_NAME"]))
        return native(self, app, request)

    monkeypatch.setattr(session_cookie.SessionInterface, "_read", watch)
    return cookies


@pytest.mark.parametrize("path", ["/healthz", "/static/style.css"])
async def test_answer_that_needs_no_session_reads_none(
    member: Browser, read: list[str], path: str
) -> None:
    answer = await member.get(path)
    assert answer.status_code == 200
    assert read == []
    assert "Vary" not in answer.headers
    assert "Set-Cookie" not in answer.headers


async def test_page_reads_the_session_once(member: Browser, read: list[str]) -> None:
    cookie = member.cookie("session")
    answer = await member.get("/account/sessions")
    assert answer.status_code == 200
    assert read == [cookie]
    assert answer.headers["Vary"] == "Cookie"


async def test_what_a_view_lets_the_answer_vary_by_is_kept(app: Quart, member: Browser) -> None:
    @app.get("/fruits")
    async def show() -> Response:
        return Response(str(len(session)), headers={"Vary": "Accept-Language"})

    answer = await member.get("/fruits")
    assert set(answer.vary) == {"Accept-Language", "Cookie"}


async def test_session_is_kept_between_requests(app: Quart, member: Browser) -> None:
    @app.post("/fruits")
    async def add() -> str:
        session.setdefault("fruits", {})["pear"] = 1
        session.permanent = True
        return "ok"

    @app.get("/fruits")
    async def show() -> dict[str, Any]:
        return dict(session.pop("fruits", None) or {})

    await member.post("/fruits", form={"csrf_token": await member.token()})
    first = await member.get("/fruits")
    assert await first.get_json() == {"pear": 1}
    # A permanent session's cookie is set anew by each request that uses it.
    second = await member.get("/fruits")
    assert await second.get_json() == {}
    assert "Expires" in second.headers["Set-Cookie"]
    assert await member.is_logged_in()


async def test_change_that_is_not_saved_is_not_seen(app: Quart, member: Browser) -> None:
    @app.get("/list")
    async def change() -> list[int]:
        session.setdefault("list", [1])
        numbers: list[int] = session["list"]
        numbers.append(2)
        session.modified = len(numbers) == 2
        return numbers

    seen = [await (await member.get("/list")).get_json() for _ in range(3)]
    assert seen == [[1, 2], [1, 2, 2], [1, 2, 2]]


@pytest.mark.parametrize("cookie", ["", "junk", "e30.YQ.YQ", "é"])
async def test_cookie_that_is_not_ours_holds_nothing(member: Browser, cookie: str) -> None:
    member.set_cookie("session", cookie)
    assert not await member.is_logged_in()


async def test_session_is_over_after_its_lifetime(app: Quart, member: Browser) -> None:
    app.permanent_session_lifetime = timedelta(seconds=-1)
    assert not await member.is_logged_in()


def test_session_is_modified_by_what_changes_it() -> None:
    made = []

    def new() -> Any:
        made.append(session_cookie.CookieSession(lambda: {"a": 1}))
        return made[-1]

    assert not new().accessed
    assert new()["a"] == 1
    assert new().get("b") is None
    assert "a" in new()
    assert list(new()) == ["a"]
    assert new().pop("b", None) is None
    assert new().copy() == {"a": 1}
    assert all(one.accessed and not one.modified for one in made[1:])
    made.clear()
    new()["b"] = 2
    del new()["a"]
    new().update(b=2)
    new().setdefault("b", 2)
    new().pop("a")
    new().popitem()
    new().clear()
    assert all(one.modified for one in made)
