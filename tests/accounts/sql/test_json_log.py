"""The log in production: lines of JSON."""

import json
import logging
from types import ModuleType
from typing import Any

import pytest
from browser import Browser

PRODUCTION = {"ENVIRONMENT": "production", "TRUSTED_HOSTS": "localhost"}


async def test_each_request_is_a_line_of_json_in_production(
    config: dict[str, Any], package: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        app = package.create_app({**config, **PRODUCTION})
        async with app.test_app():
            browser = Browser(app)
            headers = {"X-Forwarded-Proto": "https"}
            answer = await browser.get("/healthz?x=1", headers=headers)
            failed = await browser.get("/home")
    finally:
        root.handlers = handlers
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    first, second = (line for line in lines if line["logger"] == "access")
    assert (first["event"], first["method"], first["path"]) == ("request", "GET", "/healthz")
    assert (first["status"], second["status"]) == (200, failed.status_code)
    assert first["request_id"] == answer.headers["X-Request-ID"]
    assert 0 <= first["seconds"] < 60
    assert set(first) == {
        *("time", "level", "logger", "message", "request_id"),
        *("event", "method", "path", "status", "seconds", "address"),
    }
