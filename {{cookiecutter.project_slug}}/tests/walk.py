"""All routes of the app, each with a path that leads to it, and which of them are open."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

from browser import NAME, Browser, from_outside
from quart import Quart
from quart.testing.connections import WebsocketResponseError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule, ValidationError

METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
UNSAFE = METHODS - {"GET", "HEAD", "OPTIONS"}
SAMPLES = (1, "x", "xy", 1.5, UUID(int=1))


def routes(app: Quart) -> Iterator[tuple[Rule, str]]:
    """Yield each rule, websockets included, and a path that matches it."""
    for rule in app.url_map.iter_rules():
        yield rule, path_to(app, rule)


def path_to(app: Quart, rule: Rule) -> str:
    """Return a path that matches the rule."""
    adapter = app.url_map.bind("localhost")
    names, method = sorted(rule.arguments), min(rule.methods or {"GET"})
    for values in itertools.product(SAMPLES, repeat=len(names)):
        with suppress(ValidationError, ValueError, HTTPException):
            built = rule.build(dict(zip(names, values, strict=True)), append_unknown=False)
            path = built[1] if built else ""
            adapter.match(path, method, websocket=rule.websocket)
            return path
    raise AssertionError(f"None of SAMPLES leads to {rule}: add a value that does.")


def is_public(app: Quart, rule: Rule) -> bool:
    """Say whether somebody decided that all may see it: by `@public`, or it is a static file."""
    view = app.view_functions[rule.endpoint]
    is_static = getattr(view, "__self__", None) in (app, *app.blueprints.values())
    return is_static or getattr(view, "is_public", False)


async def find_open(app: Quart, browser: Browser) -> list[str]:
    """Return what answers this browser, of all that nobody has made public."""
    token, found = {"X-CSRFToken": await browser.token(), "Accept": "*/*"}, []
    for rule, path in routes(app):
        if is_public(app, rule):
            continue
        if rule.websocket:
            if await answer_to_websocket(browser, path) != 401:
                found.append(f"websocket {rule}")
            continue
        for method in METHODS | set(rule.methods or ()):
            answer = await browser.open(path, method=method, headers=token)
            refusal = 401 if method in (rule.methods or ()) else 405
            if answer.status_code != refusal or NAME in await browser.text(answer):
                found.append(f"{method} {rule}")
    return found


async def answer_to_websocket(browser: Browser, path: str, **headers: str) -> int | str:
    """Return what a websocket sends first, or the status that it is refused with."""

    async def connect() -> int | str:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            async with browser.client.websocket(path, headers=given) as websocket:
                return str(await asyncio.wait_for(websocket.receive(), 5))
        except WebsocketResponseError as error:
            return error.response.status_code

    answer: int | str = await from_outside(connect())
    return answer
