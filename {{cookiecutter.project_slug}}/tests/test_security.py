"""What a change to the app can break: headers, forms, templates and files with secrets."""

import re
import subprocess
from pathlib import Path

import pytest
from browser import Browser
from conftest import PROJECT
from dotenv import dotenv_values
from quart import Quart
from walk import UNSAFE, is_public, routes

SECRETS = ("KEY", "PASSWORD", "SECRET", "TOKEN")
INLINE = re.compile(
    r"<script(?![^>]*\ssrc=)[^>]*>|<style|<[^>]+\s(?:style|on[a-z]+)\s*=|javascript:", re.I
)


@pytest.mark.promise(17, asvs="3.4.3, 3.4.4, 3.4.5, 3.4.6, 14.3.2")
async def test_every_answer_has_the_headers(app: Quart, member: Browser, browser: Browser) -> None:
    paths = [path for rule, path in routes(app) if "GET" in (rule.methods or ())]
    for path in (*paths, "/nowhere"):
        for visitor in (browser, member):
            headers = (await visitor.get(path)).headers
            policy = headers["Content-Security-Policy"]
            assert "unsafe-" not in policy, path
            for directive in ("default-src", "object-src", "base-uri", "frame-ancestors"):
                assert f"{directive} '" in policy, path
            assert headers["X-Content-Type-Options"] == "nosniff", path
            assert "Referrer-Policy" in headers, path
            assert "Cache-Control" in headers, path


@pytest.mark.promise(17, asvs="3.4.3")
async def test_pages_hold_no_inline_script_or_style(app: Quart, member: Browser) -> None:
    for rule, path in routes(app):
        if "GET" in (rule.methods or ()):
            answer = await member.get(path)
            if answer.mimetype == "text/html":
                assert not INLINE.search(await member.text(answer)), path
    for template in (PROJECT / "src").glob("*/templates/**/*.html"):
        assert not INLINE.search(template.read_text(encoding="utf-8")), template.name


@pytest.mark.promise(16, asvs="3.5.1")
async def test_no_form_is_taken_without_its_token(
    app: Quart, member: Browser, browser: Browser
) -> None:
    for rule, path in routes(app):
        visitor = browser if is_public(app, rule) else member
        for method in UNSAFE & set(rule.methods or ()):
            answer = await visitor.open(path, method=method)
            # A view that is exempt takes what proves itself otherwise, as by a signature.
            refusals = (400, 404) if is_exempt(app, rule.endpoint) else (403,)
            assert answer.status_code in refusals, f"{method} {rule}"
    assert await member.is_logged_in()


def is_exempt(app: Quart, endpoint: str) -> bool:
    """Say whether a view asks for no token of a form."""
    view = app.view_functions[endpoint]
    return f"{view.__module__}.{view.__name__}" in app.extensions["csrf"]._exempt_views


@pytest.mark.promise(1, asvs="13.3.1")
def test_no_tracked_file_holds_a_secret() -> None:
    shipped = dotenv_values(PROJECT / ".env.example")
    assert not any(value for name, value in shipped.items() if name.endswith(SECRETS))
    assert ".env" in (PROJECT / ".gitignore").read_text().split()
    own = dotenv_values(PROJECT / ".env").items()
    secrets = [value for name, value in own if value and is_secret(name, value)]
    for file in tracked_files():
        text = file.read_text(encoding="utf-8", errors="replace")
        assert not any(secret in text for secret in secrets), file


def is_secret(name: str, value: str) -> bool:
    """Say whether a setting is one; others may be as a page has them for an example."""
    named = any(word in name for word in SECRETS) and len(value) >= 20
    return named or bool(re.search(r"://[^/@]*:[^/@]{12,}@", value))


def tracked_files() -> list[Path]:
    """Return the files that git knows, or would add."""
    git = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(git, cwd=PROJECT, capture_output=True, text=True, check=False)  # noqa: S603  # ours
    if listed.returncode == 0:
        files = [PROJECT / name for name in listed.stdout.split("\0") if name]
    else:
        files = [*PROJECT.glob("*"), *(PROJECT / "src").rglob("*")]
    return [file for file in files if file.is_file() and file.name != ".env"]
