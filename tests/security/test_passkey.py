"""In a real browser, with a real mail server: from nothing to a login by a passkey."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from people import NEW_PASSWORD, SALT, TOTP, Mailbox
from playwright.sync_api import Page, sync_playwright
from rendered import KEY, RENDER

CHROMIUM = os.environ.get("TEST_CHROMIUM") or "/usr/bin/chromium"
ANN = "ann@example.org"


@pytest.fixture
def site(mailbox: Mailbox, tmp_path: Path) -> Iterator[str]:
    """The address of the app, served with an empty database."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    env = {
        **os.environ,
        "ENVIRONMENT": "development",
        "SECRET_KEY": KEY,
        "SECURITY_PASSWORD_SALT": SALT,
        "SECURITY_TOTP_SECRET": TOTP,
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(mailbox.port),  # type: ignore[attr-defined]
        "INSTANCE_PATH": str(tmp_path),
    }
    command = [Path(sys.executable).parent / "quart", "run", "--port", str(port)]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=RENDER, env=env, stdout=log, stderr=log)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://localhost:{port}/healthz").close()
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.1)
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(20)
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.fixture
def page(site: str) -> Iterator[Page]:
    """A page of Chromium, with a passkey's device that is always there and agrees."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = chromium.new_page(base_url=site)
        devices = page.context.new_cdp_session(page)
        devices.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        chromium.close()
    assert [one for one in complaints if re.search("Content Security Policy|Error:", one)] == []


def test_new_user_signs_up_and_comes_in_by_a_passkey(page: Page, mailbox: Mailbox) -> None:
    page.goto("/")
    page.get_by_role("link", name="Sign up").click()
    page.get_by_label("Email Address").fill(ANN)
    page.get_by_label("Password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("Retype Password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Register").click()
    page.wait_for_url("**/login**")
    page.goto(mailbox.link("/confirm/"))
    page.get_by_role("button", name="Confirm this address").click()
    page.wait_for_url("**/login")
    page.get_by_label("Email Address").fill(ANN)
    page.get_by_label("Password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Login").click()
    page.wait_for_url("**/home")

    page.get_by_role("link", name="Passkeys").click()
    page.locator("#name").fill("laptop")
    page.get_by_label("Use as a first authentication factor").check()
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("laptop").first.wait_for()

    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/wan-signin*")
    page.locator("#wan-signin-form button").click()
    page.wait_for_url("**/home")
    page.goto("/protected")
    assert "Logged in as: " + ANN in page.inner_text("main")
