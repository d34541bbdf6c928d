"""Logins at a certified OpenID provider (npm's oidc-provider), as a browser walks through them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from baking import PYTHONS, BakedProject
from directory import Authority
from identity import IdentityProvider, Person, providers
from playwright.sync_api import Page, sync_playwright
from test_projects import SERVERS, Install, install, tool  # noqa: F401  # a fixture is one of them
from visitor import free_port, serve

pytestmark = pytest.mark.slow

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
NAMES = ("company", "partner")


@dataclass
class Site:
    """An app that serves, and its providers."""

    project: BakedProject
    folder: Path
    url: str
    env: dict[str, str]
    company: IdentityProvider
    partner: IdentityProvider
    closing: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def visit(self) -> Person:
        """Return somebody with a browser of their own."""
        person = Person(self.url, verify=self.company.trust)
        self.closing.callback(person.client.close)
        return person

    @property
    def log(self) -> str:
        """What the app has printed."""
        return (self.project.path / f"server-{self.url.rpartition(':')[2]}.log").read_text("utf-8")

    def quart(self, *words: str, check: bool = True) -> str:
        """Return what a command of the app prints."""
        done = self.project.run(tool(self.project, "quart"), *words, env=self.env, check=check)
        return done.stdout + done.stderr

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Ask the database of the app."""
        with contextlib.closing(sqlite3.connect(self.folder / "instance" / "app.db")) as database:
            return database.execute(query).fetchall()


Start = Callable[..., AbstractContextManager[Site]]


@pytest.fixture
def start(install: Install, tmp_path: Path) -> Start:  # noqa: F811  # the fixture, by its name
    """Serve a render, with two providers to log in at."""

    @contextlib.contextmanager
    def start(
        server: str = "hypercorn",
        python: str = PYTHONS[-1],
        authority: Authority | None = None,
        **env: str,
    ) -> Iterator[Site]:
        project, port = install("oidc", python), free_port()
        command = SERVERS[server].format(port=port, slug=project.slug).split()
        command[0] = tool(project, command[0])
        address = f"http://localhost:{port}"
        with providers(address, tmp_path, *NAMES, authority=authority) as (company, partner):
            given = {"OIDC_PROVIDERS": ",".join(NAMES), **company.env, **partner.env, **env}
            given["INSTANCE_PATH"] = str(tmp_path / "instance")
            settings = project.env | given
            with serve(project.path, *command, port=port, env=settings) as url:
                site = Site(project, tmp_path, url, given, company, partner)
                with site.closing:
                    yield site

    return start


def assert_walk_works(site: Site) -> None:
    """Be sent to the provider and back, to the page that was asked for; log out of both."""
    person = site.visit()
    assert person.client.get("/account/sessions").url.query == b"next=/account/sessions"
    page = person.come_in(query="?next=/account/sessions")
    assert (page.status_code, page.url.path) == (200, "/account/sessions")
    protected = person.client.get("/protected").text
    assert "Logged in as: alice" in re.sub(r"<[^>]+>", "", protected)
    jar = person.client.cookies.jar
    stale = {one.name: str(one.value) for one in jar if "app" in one.name}
    asked = person.follow(person.logout())
    assert "Do you want to sign-out" in asked.text
    back = person.fill(asked, logout="yes")
    assert (back.url.path, "Logged out" in back.text) == ("/", True)
    assert not person.is_logged_in()
    replay = httpx.get(f"{site.url}/protected", cookies=stale, headers={"Accept": "text/plain"})
    assert replay.status_code == 401
    # The provider has forgotten them as well, and asks again.
    assert "login" in person.press().text


def test_person_logs_in_at_the_provider_and_out_of_both(start: Start) -> None:
    with start() as site:
        assert_walk_works(site)
        assert site.rows("SELECT name, email, password FROM users") == [
            ("alice", "alice@example.org", "")
        ]
        printed = site.quart("users", "check")
        assert "company: " in printed
        assert "Error" not in printed
        assert site.rows("SELECT issuer, subject FROM identities") == [(site.company.url, "alice")]


@pytest.mark.soak
@pytest.mark.parametrize("python", [PYTHONS[0], PYTHONS[-1]])
@pytest.mark.parametrize("server", SERVERS)
def test_walk_works_on_each_server(server: str, python: str, start: Start) -> None:
    with start(server, python) as site:
        assert_walk_works(site)


@pytest.mark.soak
def test_consent_that_is_refused_is_told_in_one_sentence(start: Start) -> None:
    with start() as site:
        person = site.visit()
        page = person.fill(person.press(query="?next=/protected"), login="alice", password="any")
        abort = re.search(r'href="([^"]+/abort)"', page.text)
        assert abort
        page = person.client.get(str(page.url.join(abort[1])))
        assert page.status_code == 401
        assert "The login was cancelled." in page.text
        assert "/login/company?next=/protected" in page.text
        assert not person.is_logged_in()
        assert '"reason": "access_denied"' in site.log


@pytest.mark.soak
def test_session_that_ends_at_the_provider_ends_the_login_here(start: Start) -> None:
    with start() as site:
        here, elsewhere = site.visit(), site.visit()
        for person in (here, elsewhere):
            person.come_in()
            assert person.is_logged_in()
        asked = here.client.get(f"{site.company.url}/session/end")
        here.fill(asked, logout="yes")
        assert not here.is_logged_in()
        # It was that session there, not the other one of the same person.
        assert elsewhere.is_logged_in()
        assert '"event": "logout by provider", "user": "alice"' in site.log


@pytest.mark.soak
def test_keys_that_rotate_are_found(start: Start) -> None:
    with start() as site:
        site.visit().come_in()
        site.company.stop()
        site.company.start()
        person = site.visit()
        person.come_in()
        assert person.is_logged_in()


@pytest.mark.soak
def test_provider_that_is_gone_is_a_503_and_logs_nobody_out(start: Start) -> None:
    with start() as site:
        inside, outside, on_the_way = site.visit(), site.visit(), site.visit()
        inside.come_in()
        back = on_the_way.callback()
        site.company.stop()
        site.partner.stop()
        assert inside.is_logged_in()
        answer = on_the_way.client.get(back)
        assert answer.status_code == 503
        assert "out of reach" in answer.text
        assert outside.submit("/", "/login/partner").status_code == 503
        told = [line for line in site.log.splitlines() if "_ISSUER=" in line]
        assert len(told) == 2
        assert f"OIDC_PARTNER_ISSUER={site.partner.url}: " in told[1]
        # They log out all the same, here.
        assert "Logged out" in inside.logout().text or inside.client.get("/")
        assert not inside.is_logged_in()
        printed = site.quart("users", "check", check=False)
        assert "Error: OIDC_COMPANY_ISSUER=" in printed
        site.company.start()
        site.partner.start()
        outside.come_in(provider="partner")
        assert not outside.is_logged_in()
        assert "not linked" in site.log


@pytest.mark.soak
def test_provider_is_asked_by_tls_alone_where_its_certificate_is_good(
    start: Start, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    with start(authority=authority, SSL_CERT_FILE=str(authority.file)) as site:
        assert_walk_works(site)
        assert "Error" not in site.quart("users", "check")
        site.partner.stop()
        site.partner.start("elsewhere.example")
        person = site.visit()
        assert person.submit("/", "/login/partner").status_code == 503
    assert f"OIDC_PARTNER_ISSUER={site.partner.url}: " in site.log
    assert "certificate is not valid for 'localhost'" in site.log
    # Nobody has said whose certificates are good here.
    with start(authority=authority) as site:
        assert site.visit().submit("/", "/login/company").status_code == 503
        assert "unable to get local issuer certificate" in site.quart("users", "check", check=False)
    assert "unable to get local issuer certificate" in site.log


@pytest.mark.soak
def test_answer_of_the_provider_is_good_once_and_in_one_browser(start: Start) -> None:
    with start() as site:
        victim, thief = site.visit(), site.visit()
        back = victim.callback()
        # In another browser, which has begun a login itself.
        thief.press()
        assert thief.client.get(back).status_code == 401
        assert not thief.is_logged_in()
        assert victim.client.get(back).url.path == "/home"
        assert victim.client.get(back).status_code == 401
        # A code that was used, with a state that is good.
        own = thief.callback()
        code = re.search(r"code=([^&]+)", back)
        assert code
        used = re.sub(r"code=[^&]+", f"code={code[1]}", own)
        answer = thief.client.get(used)
        assert answer.status_code == 401
        assert "used already" in answer.text
        assert not thief.is_logged_in()


@pytest.mark.soak
def test_answer_of_another_provider_is_refused(start: Start) -> None:
    with start() as site:
        for wrong in (
            lambda url: url.replace("/login/company/", "/login/partner/"),
            lambda url: re.sub(r"iss=[^&]+", f"iss={site.partner.url}", url),
            lambda url: re.sub(r"&iss=[^&]+", "", url),
        ):
            person = site.visit()
            answer = person.client.get(wrong(person.callback()))
            assert answer.status_code == 401
            assert "from another provider" in answer.text
            assert not person.is_logged_in()


@pytest.mark.soak
def test_same_name_at_another_provider_is_somebody_else_until_linked(start: Start) -> None:
    with start() as site:
        site.visit().come_in()
        other = site.visit()
        page = other.come_in(provider="partner")
        assert page.status_code == 401
        assert "There is an account &#39;alice&#39; here" in page.text
        assert "Linked alice" in site.quart("users", "link", "alice", "partner", "alice")
        other.come_in(provider="partner")
        assert other.is_logged_in()
        assert site.rows("SELECT count(*) FROM users") == [(1,)]
        # An address that nobody has verified is none.
        mallory = site.visit()
        mallory.come_in("mallory")
        assert mallory.is_logged_in()
        assert site.rows("SELECT email FROM users WHERE name = 'mallory'") == [(None,)]


@pytest.mark.soak
def test_login_is_confirmed_by_a_new_one_at_the_provider(start: Start) -> None:
    with start() as site:
        person = site.visit()
        person.come_in()
        # The provider knows them, and does not ask.
        assert person.press().url.path == "/home"
        page = person.press(query="?confirm=1&next=/protected")
        assert "/interaction/" in page.url.path
        assert person.fill(page, login="alice", password="any").url.path == "/protected"


@pytest.mark.soak
def test_only_who_has_what_is_required_comes_in(start: Start) -> None:
    with start(OIDC_COMPANY_REQUIRES="groups=staff", OIDC_DIRECT="yes") as site:
        mallory, alice = site.visit(), site.visit()
        page = mallory.come_in("mallory")
        assert page.status_code == 401
        assert "may not log in here" in page.text
        alice.come_in()
        assert alice.is_logged_in()


@pytest.mark.soak
def test_only_provider_is_gone_to_at_once(start: Start) -> None:
    with start(OIDC_PROVIDERS="company", OIDC_DIRECT="yes", OIDC_KEEP_ID_TOKEN="yes") as site:
        person = site.visit()
        page = person.client.get("/protected")
        assert "/interaction/" in page.url.path
        page = person.fill(person.fill(page, login="alice", password="any"))
        assert page.url.path == "/protected"
        # With the ID token at hand, the provider knows whom the question concerns.
        asked = person.follow(person.logout())
        back = person.fill(asked, logout="yes")
        assert (back.url.path, "Logged out" in back.text) == ("/", True)


@pytest.mark.soak
def test_person_walks_in_a_real_browser(start: Start) -> None:
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    with start() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        refused: list[str] = []
        page.on("console", lambda message: refused.append(message.text))
        page.goto(f"{site.url}/protected")
        page.click("text=Log in with Company")
        _agree(page, "alice")
        page.wait_for_url(f"{site.url}/protected")
        assert "Logged in as: alice" in page.inner_text("main")
        page.click("text=Log out")
        page.click("text=Yes, sign me out")
        page.wait_for_url(f"{site.url}/")
        assert "Logged out" in page.inner_text("main")
        page.goto(f"{site.url}/protected")
        page.click("text=Log in with Partner")
        page.click("text=Cancel")
        page.wait_for_url(f"{site.url}/login/partner/callback*")
        assert "The login was cancelled." in page.inner_text("main")
        assert [text for text in refused if "Content Security Policy" in text] == []
        browser.close()


@pytest.mark.soak
def test_users_of_a_database_go_on_at_a_provider(
    start: Start,
    install: Install,  # noqa: F811  # the fixture, by its name
    tmp_path: Path,
) -> None:
    former, folder = install("sql", PYTHONS[-1]), tmp_path / "instance"
    env = {"INSTANCE_PATH": str(folder)}
    for name in ("ann", "mallory"):
        quart = tool(former, "quart")
        former.run(quart, "users", "add", name, "--random-password", env=env)
    with contextlib.closing(sqlite3.connect(folder / "app.db")) as database:
        database.execute("UPDATE users SET email = 'alice@example.org' WHERE name = 'ann'")
        database.commit()
    with start(OIDC_LINK_BY="email") as site:
        alice, mallory = site.visit(), site.visit()
        alice.come_in()
        assert alice.is_logged_in()
        assert site.rows("SELECT id, name, password FROM users WHERE id = 1") == [(1, "alice", "")]
        # The same address, which nobody has verified, is no reason.
        assert mallory.come_in("mallory").status_code == 401
        assert site.rows("SELECT count(*) FROM users") == [(2,)]


def _agree(page: Page, name: str) -> None:
    page.fill("[name=login]", name)
    page.fill("[name=password]", "any")
    page.click("button[type=submit]")
    page.wait_for_selector("text=Continue")
    page.click("button[type=submit]")
