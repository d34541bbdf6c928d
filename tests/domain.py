"""A domain of a test's own: Samba's domain controller, which speaks as Active Directory does."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from secrets import randbelow

import pytest
from directory import Authority, Server, find, ldif_line

BASE = "DC=example,DC=org"
PEOPLE, GROUPS, SERVICES = (f"OU={name},{BASE}" for name in ("People", "Groups", "Services"))
ADMIN, ADMIN_PASSWORD = "Administrator@example.org", "what the Administrator kn0ws"
READER_PASSWORD = "what the Reader kn0ws"


class Domain(Server):
    """A domain controller in a folder, at an address of its own: its ports cannot be chosen."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        if os.geteuid():
            pytest.skip("a domain controller listens where only root may")
        super().__init__(folder, authority, ADMIN, ADMIN_PASSWORD)
        self.address = f"127.{randbelow(254) + 1}.{randbelow(254) + 1}.{randbelow(254) + 1}"
        certificate = authority.certificate(f"domain-{self.address}", f"IP:{self.address}")
        options = {
            "interfaces": f"{self.address}/8",
            "bind interfaces only": "yes",
            "server services": "ldap",
            "posix:eadb": f"{folder}/eadb.tdb",
            "tls keyfile": f"{certificate}.key",
            "tls certfile": f"{certificate}.pem",
            "tls cafile": str(self.ca_file),
            "log file": f"{folder}/samba.log",
            # What two that run at once would share.
            "pid directory": f"{folder}/run",
            "ncalrpc dir": f"{folder}/run/ncalrpc",
        }
        (folder / "run").mkdir()
        command = [find("samba-tool"), "domain", "provision", "--server-role=dc"]
        command += ["--realm=EXAMPLE.ORG", "--domain=EXAMPLE", "--dns-backend=NONE"]
        command += ["--host-name=dc1", f"--host-ip={self.address}", f"--adminpass={ADMIN_PASSWORD}"]
        command += [f"--targetdir={folder}"]
        command += [f"--option={name}={value}" for name, value in options.items()]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    @property
    def url(self) -> str:
        """Its address, by TLS, without which it takes no password."""
        return f"ldaps://{self.address}"

    @property
    def admin_url(self) -> str:
        return self.url

    def start(self) -> None:
        """Start it; return when it answers, with a reader and the folders of the documents."""
        options = ["--interactive", "--debug-stdout", "--model=single"]
        options += [f"--configfile={self.folder}/etc/smb.conf"]
        self.run([find("samba"), *options], self.address, 636)
        for dn in (PEOPLE, GROUPS, SERVICES):
            self.change(f"dn: {dn}\nobjectClass: organizationalUnit\n")
        self.change(_user(f"CN=reader,{SERVICES}", "reader", READER_PASSWORD))

    def add_person(self, name: str, password: str, *lines: str) -> str:
        """Add a person, more lines are of LDIF; return their DN."""
        dn = f"CN={name} Example,{PEOPLE}"
        self.change(_user(dn, name, password, *lines))
        return dn

    def add_group(self, name: str, *members: str) -> str:
        """Add a group of DNs; return its own."""
        dn = f"CN={name},{GROUPS}"
        lines = "".join(ldif_line("member", member) for member in members)
        self.change(f"dn: {dn}\nobjectClass: group\nsAMAccountName: {name}\n{lines}")
        return dn


def _user(dn: str, name: str, password: str, *lines: str) -> str:
    secret = base64.b64encode(f'"{password}"'.encode("utf-16-le")).decode()
    kept = [f"unicodePwd:: {secret}", "userAccountControl: 512", *lines, ""]
    known = ldif_line("sAMAccountName", name) + ldif_line(
        "userPrincipalName", f"{name}@example.org"
    )
    return ldif_line("dn", dn) + "objectClass: user\n" + known + "\n".join(kept)


def documented_settings(page: str) -> dict[str, str]:
    """Return the settings that a page names for Active Directory."""
    (block,) = re.findall(r"^## Active Directory\n+```sh\n(.*?)^```", page, re.M | re.S)
    return dict(line.split("=", 1) for line in block.splitlines())


@contextlib.contextmanager
def serve_domain(folder: Path) -> Iterator[Domain]:
    """Run a domain controller until the block ends."""
    place = folder / "domain"
    place.mkdir()
    domain = Domain(place, Authority(folder))
    try:
        domain.start()
        yield domain
    finally:
        domain.stop()
