"""OpenID providers for tests: npm's `oidc-provider`, and a person who logs in there."""

from __future__ import annotations

import contextlib
import hashlib
import html
import json
import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import urljoin

import httpx
import pytest
from baking import ROOT
from directory import Authority
from visitor import Visitor, free_port

SOURCE = ROOT / "tests" / "oidc_provider"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
SECRET = "a secret that only tests know"
TLS = {"cert": "pem", "key": "key"}
PEOPLE = {
    "alice": {
        "preferred_username": "alice",
        "email": "alice@example.org",
        "email_verified": True,
        "groups": ["staff"],
    },
    "mallory": {
        "preferred_username": "mallory",
        "email": "alice@example.org",
        "email_verified": False,
    },
}


def installed() -> Path:
    """Return the folder with the provider, which npm installs at the first time."""
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    lock = (SOURCE / "package-lock.json").read_bytes()
    folder = CACHE / f"oidc-provider-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(mkdtemp(dir=folder.parent))
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCE / name, made)
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund"], cwd=made, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        # Of two who install at once, the second finds it there.
        with contextlib.suppress(OSError):
            made.rename(folder)
        shutil.rmtree(made, ignore_errors=True)
    return folder


@dataclass
class IdentityProvider:
    """A provider that runs, and is stopped and started with a new key."""

    name: str
    app: str
    folder: Path
    authority: Authority | None = None
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Its issuer."""
        return f"{'https' if self.authority else 'http'}://localhost:{self.port}"

    @property
    def trust(self) -> ssl.SSLContext | bool:
        """What a browser knows of who may sign; not which host it is."""
        if self.authority is None:
            return True
        context = ssl.create_default_context(cafile=self.authority.file)
        context.check_hostname = False
        return context

    @property
    def env(self) -> dict[str, str]:
        """What the app is told of it."""
        given = {"ISSUER": self.url, "CLIENT_ID": "an-app", "CLIENT_SECRET": SECRET}
        return {f"OIDC_{self.name.upper()}_{key}": value for key, value in given.items()}

    def start(self, host: str = "localhost") -> None:
        """Serve, by TLS with a certificate for the host where there is an authority to sign it."""
        client = {
            "client_id": "an-app",
            "client_secret": SECRET,
            "redirect_uris": [f"{self.app}/login/{self.name}/callback"],
            "post_logout_redirect_uris": [f"{self.app}/"],
            "backchannel_logout_uri": f"{self.app}/login/{self.name}/logout",
            "backchannel_logout_session_required": True,
        }
        given = {"url": self.url, "port": self.port, "clients": [client], "people": PEOPLE}
        if self.authority:
            stem = self.authority.certificate(f"provider-{host}", f"DNS:{host}")
            given["tls"] = {part: Path(f"{stem}.{end}").read_text() for part, end in TLS.items()}
        shutil.copy(SOURCE / "server.mjs", self.folder)
        with (self.folder / f"{self.name}.log").open("a") as log:
            self.process = subprocess.Popen(
                ["node", "server.mjs", json.dumps(given)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
            )
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.TransportError):
                url = f"{self.url}/.well-known/openid-configuration"
                httpx.get(url, verify=self.trust).raise_for_status()
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The provider does not serve:\n{self.log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    @property
    def log(self) -> str:
        """What it has printed."""
        return (self.folder / f"{self.name}.log").read_text("utf-8")


@contextlib.contextmanager
def providers(
    app: str, folder: Path, *names: str, authority: Authority | None = None
) -> Iterator[list[IdentityProvider]]:
    """Serve a provider under each name until the block ends, for an app at this address."""
    modules, made = installed() / "node_modules", []
    for name in names:
        folder.mkdir(parents=True, exist_ok=True)
        place = Path(mkdtemp(prefix=name, dir=folder))
        (place / "node_modules").symlink_to(modules)
        (place / "package.json").write_text('{"type": "module"}')
        made.append(IdentityProvider(name, app, place, authority))
    try:
        for provider in made:
            provider.start()
        yield made
    finally:
        for provider in made:
            provider.stop()


class Person(Visitor):
    """Somebody with one browser, who logs in at providers."""

    def press(self, provider: str = "company", query: str = "") -> httpx.Response:
        """Press the button of a provider, and return its page."""
        sent = self.submit("/", f"/login/{provider}{query}")
        return self.follow(sent)

    def follow(self, answer: httpx.Response) -> httpx.Response:
        """Go where a page sends the browser."""
        url = answer.headers["Refresh"].partition("url=")[2]
        return self.client.get(url)

    def fill(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Send the form of a page of the provider."""
        action = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        assert action, page.text
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        url = urljoin(str(page.url), html.unescape(action[1]))
        return self.client.post(url, data=hidden | fields)

    def come_in(
        self, name: str = "alice", provider: str = "company", query: str = ""
    ) -> httpx.Response:
        """Log in at a provider and agree to what it asks."""
        page = self.press(provider, query)
        while "/interaction/" in page.url.path:  # It asks no more than it has to.
            page = self.fill(page, login=name, password="any")
        return page

    def is_logged_in(self) -> bool:
        """Say whether the protected page opens."""
        return self.client.get("/protected").url.path == "/protected"

    def callback(self, name: str = "alice") -> str:
        """Log in at a provider; return where it would send the browser back to."""
        page = self.fill(self.press(), login=name, password="any")
        self.client.follow_redirects = False
        try:
            answer = self.fill(page) if "/interaction/" in page.url.path else page
            while "/callback?" not in answer.headers["Location"]:
                answer = self.client.get(answer.headers["Location"])
        finally:
            self.client.follow_redirects = True
        return str(answer.headers["Location"])
