"""People of a domain, whose controller (Samba's) speaks as Active Directory does, log in."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from baking import PYTHONS, Bake, BakedProject
from domain import GROUPS, READER_PASSWORD, Domain, documented_settings, serve_domain
from test_ldap import give_roles
from test_projects import Install, install, tool
from visitor import Visitor, assert_login_works, free_port, serve

pytestmark = [pytest.mark.slow, pytest.mark.soak]

__all__ = ["install"]  # a fixture

PASSWORD = "A passw0rd for this test"
DISABLED = "514"


@dataclass
class Office:
    """An app that serves, and the domain that it asks."""

    project: BakedProject
    domain: Domain
    url: str
    env: dict[str, str]

    def page(self, name: str, password: str = PASSWORD) -> tuple[Visitor, str]:
        """Log in, and return the browser and the protected page."""
        visitor = Visitor(self.url)
        visitor.submit("/", "/", username=name, password=password)
        return visitor, visitor.client.get("/protected").text

    def lets_in(self, name: str, password: str = PASSWORD) -> bool:
        """Say whether somebody may log in."""
        visitor, page = self.page(name, password)
        visitor.client.close()
        return "Logged in as" in page

    def row(self, name: str) -> str:
        """Return the id of somebody's row."""
        quart = tool(self.project, "quart")
        printed = self.project.run(quart, "users", "show", name, env=self.env).stdout
        (found,) = re.findall(r"^id: (.+)", printed, re.M)
        return str(found)


@pytest.fixture(scope="module")
def office(
    install: Install,
    bake_session: Bake,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Office]:
    """A render with the column of the README for roles, and the settings of its page."""
    baked, folder = bake_session(user_backend="ldap"), tmp_path_factory.mktemp("office")
    copy = Path(shutil.copytree(baked.path, folder / baked.slug))
    project = BakedProject(copy, baked.answers)
    env = give_roles(project, install("ldap", PYTHONS[-1]))
    port = free_port()
    with serve_domain(folder) as domain:
        env |= documented_settings(project.read("docs/ldap.md"))
        env |= {
            "LDAP_URL": f"ldaps://nobody.example.invalid,{domain.url}",
            "LDAP_CA_FILE": str(domain.ca_file),
            "LDAP_BIND_PASSWORD": READER_PASSWORD,
            "LDAP_CHECK_INTERVAL": "1s",
            "LOGIN_LIMIT_PER_ADDRESS": "1000 per minute",
        }
        command = (tool(project, "quart"), "run", "--port", str(port))
        with serve(project.path, *command, port=port, env=project.env | env) as url:
            yield Office(project, domain, url, env)


def is_in(visitor: Visitor) -> bool:
    """Say whether somebody is logged in once the directory has been asked again."""
    time.sleep(1.2)
    return bool(visitor.client.get("/protected").url.path == "/protected")


def test_person_of_the_domain_walks_in_and_out(office: Office) -> None:
    office.domain.add_person("ann", PASSWORD, "mail: ann@example.org")
    assert_login_works(office.url, "ann", PASSWORD)
    assert not office.lets_in("ann", "")
    assert not office.lets_in("a*")
    quart = tool(office.project, "quart")
    printed = office.project.run(quart, "users", "check", env=office.env, check=False)
    assert "bound as CN=reader,OU=Services,DC=example,DC=org" in printed.stdout
    assert re.search(r"sAMAccountName=\*\)\): \d+ people", printed.stdout)
    assert "nobody.example.invalid" in printed.stderr


def test_group_in_a_group_gives_its_role(office: Office) -> None:
    boss = office.domain.add_person("boss", PASSWORD)
    office.domain.add_person("clerk", PASSWORD)
    office.domain.add_group("Admins", office.domain.add_group("Heads", boss))
    for name, role in (("boss", "admin!"), ("clerk", "member!")):
        visitor, page = office.page(name)
        assert role in page
        visitor.client.close()


@pytest.mark.parametrize("way", ["disabled", "expired", "deleted"])
def test_person_who_may_no_more_is_out(office: Office, way: str) -> None:
    dn = office.domain.add_person(f"former-{way}", PASSWORD)
    visitor, _ = office.page(f"former-{way}")
    assert is_in(visitor)
    match way:
        case "disabled":
            office.domain.set(dn, "userAccountControl", DISABLED)
        case "expired":
            office.domain.set(dn, "accountExpires", "133500000000000000")
        case _:
            office.domain.delete(dn)
    assert not is_in(visitor)
    assert not office.lets_in(f"former-{way}")
    visitor.client.close()


def test_renamed_person_keeps_their_row(office: Office) -> None:
    dn = office.domain.add_person("miss", PASSWORD)
    visitor, _ = office.page("miss")
    row = office.row("miss")
    moved = f"dn: {dn}\nchangetype: modrdn\nnewrdn: CN=Mrs Example\ndeleteoldrdn: 1\n"
    office.domain.change(f"{moved}newsuperior: {GROUPS}\n")
    office.domain.set(f"CN=Mrs Example,{GROUPS}", "sAMAccountName", "mrs")
    assert is_in(visitor)
    assert "Logged in as: mrs" in re.sub(r"<[^>]+>", "", visitor.client.get("/protected").text)
    assert office.row("mrs") == row
    visitor.client.close()


def test_no_other_spelling_is_taken_for_somebody(office: Office) -> None:
    office.domain.add_person("zoë", PASSWORD)
    assert office.lets_in("zoë")
    assert office.lets_in("ZOË")
    assert not office.lets_in("zoe")


def test_password_that_has_to_be_changed_lets_nobody_in(office: Office) -> None:
    dn = office.domain.add_person("newcomer", PASSWORD)
    office.domain.set(dn, "pwdLastSet", "0")
    assert not office.lets_in("newcomer")


def test_lock_by_guesses_keeps_out_and_ends_no_login(office: Office) -> None:
    office.domain.add_person("victim", PASSWORD)
    office.domain.set("DC=example,DC=org", "lockoutThreshold", "2")
    visitor, _ = office.page("victim")
    try:
        for _ in range(2):
            assert not office.lets_in("victim", "a guess")
        assert not office.lets_in("victim")
        assert is_in(visitor)
    finally:
        office.domain.set("DC=example,DC=org", "lockoutThreshold", "0")
        visitor.client.close()
