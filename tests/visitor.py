"""Start a rendered project's server and visit it as a browser would."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from baking import BakedProject
from directory import shared_directory
from ports import free_port as free_port


@contextlib.contextmanager
def serve(
    folder: Path,
    *command: str,
    port: int,
    env: dict[str, str],
    patience: float = 60,
    faults: bool = False,
) -> Iterator[str]:
    """Run a server until the block ends and yield its address once it is healthy.

    It may print no traceback, unless faults are meant to happen.
    """
    url = f"http://localhost:{port}"
    log = folder / f"server-{port}.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + patience
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{url}/healthz").raise_for_status()
                break
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{command} does not serve:\n{log.read_text()}")
            time.sleep(0.05)
        yield url
    finally:
        # Only the first process is asked: uv hands the signal on, and a second one would reach
        # Python 3.11 while it closes its event loop, which prints a traceback.
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    assert faults or "Traceback" not in log.read_text(), log.read_text()


def first_user(
    project: BakedProject, *quart: str | Path, name: str = "", **env: str
) -> tuple[str, str]:
    """Return the name and password of a user, made where the project's users are kept."""
    if project.answers["user_backend"] == "memory":
        password = re.search(r"^DEMO_PASSWORD=(.+)$", project.read(".env"), re.MULTILINE)
        assert password
        return "demo", password[1]
    name = name or f"user{time.monotonic_ns()}"
    if project.answers["user_backend"] == "ldap":
        directory = shared_directory()
        directory.add_person(name, "a password for this test")
        directory.configure(project.path / ".env")
        return name, "a password for this test"
    if project.answers["user_backend"] == "security":
        # Nobody reads its mail here; tests/security does.
        lines = project.read(".env").replace("SECURITY_CONFIRMABLE=false\n", "")
        (project.path / ".env").write_text(f"{lines}SECURITY_CONFIRMABLE=false\n")
        name, secret = f"{name}@example.org", "a password for this example"
        project.run(*quart, "db", "upgrade", env=env)
        project.run(*quart, "users", "create", "--active", "--password", secret, name, env=env)
        return name, secret
    printed = project.run(*quart, "users", "add", name, "--random-password", env=env).stdout
    password = re.search(r"^Password: (.+)$", printed, re.MULTILINE)
    assert password, printed
    return name, password[1]


class Visitor:
    """A browser with one tab."""

    def __init__(self, url: str, *, verify: ssl.SSLContext | bool = True) -> None:
        self.client = httpx.Client(
            base_url=url, follow_redirects=True, headers={"Accept": "text/html"}, verify=verify
        )

    def submit(self, page: str, action: str, **fields: str) -> httpx.Response:
        """Open a page and send one of its forms, hidden token included."""
        html = self.client.get(page).text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', html)
        assert token, html
        return self.client.post(action, data=fields | {"csrf_token": token[1]})

    def login(self, username: str, password: str) -> httpx.Response:
        """Fill in the login form and send it."""
        if "@" in username:
            return self.submit("/login", "/login", email=username, password=password)
        return self.submit("/", "/", username=username, password=password)

    def logout(self) -> httpx.Response:
        """Press the button that logs out."""
        return self.submit("/protected", "/logout")


def assert_login_works(url: str, username: str, password: str) -> None:
    """Be refused, log in, see the protected page, log out, be refused."""
    # Flask-Security knows people by their addresses, and has words of its own.
    login, wrong, bye = "/", "Wrong user name or password.", "Logged out"
    if "@" in username:
        login, wrong, bye = "/login", "Authentication failed", "Login"
    visitor = Visitor(url)
    assert "Log" in visitor.client.get("/protected").text
    assert visitor.client.get("/protected").url.path == login
    refused = visitor.login(username, "wrong password")
    assert refused.status_code == 401
    assert wrong in refused.text
    welcome = visitor.login(username, password)
    assert welcome.status_code == 200
    assert welcome.url.path == "/home"
    protected = visitor.client.get("/protected").text
    assert f"Logged in as: {username}" in re.sub(r"<[^>]+>", "", protected)
    stale = dict(visitor.client.cookies)
    assert bye in visitor.logout().text
    assert visitor.client.get("/protected").url.path == login
    replay = httpx.get(f"{url}/protected", cookies=stale, headers={"Accept": "application/json"})
    assert replay.status_code == 401
    visitor.client.close()
