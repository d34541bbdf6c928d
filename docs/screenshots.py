"""Take the README's pictures: `.venv/bin/python docs/screenshots.py` serves and visits a render."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PICTURES = ROOT / "docs" / "screenshots"
sys.path.insert(0, str(ROOT / "tests"))

from visitor import free_port, serve  # noqa: E402  # after tests/ is on the path

VIEWS: dict[str, Any] = {
    "home-light": {"color_scheme": "light", "viewport": {"width": 960, "height": 400}},
    "login-phone": {"color_scheme": "light", "viewport": {"width": 320, "height": 480}},
    "sessions-dark": {"color_scheme": "dark", "viewport": {"width": 720, "height": 480}},
}


def take(browser: Browser, url: str, view: str, password: str) -> None:
    """Take the login form, or one of the pages that lie behind it."""
    context = browser.new_context(**VIEWS[view])
    page = context.new_page()
    page.goto(url)
    if not view.startswith("login"):
        page.get_by_label("User name").fill("demo")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/home")
    if view.startswith("sessions"):
        page.goto(f"{url}/account/sessions")
    page.screenshot(path=PICTURES / f"{view}.png")
    context.close()


def main() -> None:
    """Render, serve, and take every view."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([BIN / "cookiecutter", ROOT, "--no-input", "-o", folder], check=True)
        project = Path(folder) / "my_quart_app"
        env = os.environ | {"UV_NO_DEV": "1", "PATH": f"{BIN}:{os.environ['PATH']}"}
        users = ["uv", "run", "quart", "users", "add", "demo", "--random-password"]
        added = subprocess.run(
            users, cwd=project, env=env, check=True, capture_output=True, text=True
        )
        password = re.findall(r"^Password: (.+)$", added.stdout, re.MULTILINE)[0]
        port = free_port()
        command = ("uv", "run", "quart", "run", "--port", str(port))
        with serve(project, *command, port=port, env=env) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
            for view in VIEWS:
                take(browser, url, view, password)
            browser.close()


if __name__ == "__main__":
    main()
