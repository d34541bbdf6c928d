"""A directory of a test's own: a real slapd on free ports, with TLS and a certificate authority."""

from __future__ import annotations

import atexit
import base64
import contextlib
import functools
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from ports import free_port

BASE = "dc=example,dc=org"
PEOPLE, GROUPS = f"ou=people,{BASE}", f"ou=groups,{BASE}"
READER, READER_PASSWORD = f"cn=reader,{BASE}", "what the reader knows"
ADMIN, ADMIN_PASSWORD = f"cn=admin,{BASE}", "what the administrator knows"

CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
pidfile {folder}/slapd.pid
TLSCACertificateFile {ca}/ca.pem
TLSCertificateFile {certificate}.pem
TLSCertificateKeyFile {certificate}.key
sizelimit 500
database mdb
suffix "{base}"
rootdn "{admin}"
rootpw "{password}"
directory {folder}/data
index objectClass,uid,mail,member,entryUUID eq
limits dn.exact="{reader}" size.prtotal=unlimited
overlay ppolicy
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by anonymous auth by * none
"""

DATA = f"""\
dn: {BASE}
objectClass: dcObject
objectClass: organization
o: Example

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
userPassword: {READER_PASSWORD}

dn: {PEOPLE}
objectClass: organizationalUnit

dn: {GROUPS}
objectClass: organizationalUnit
"""


def find(program: str) -> str:
    """Return where a program is, or skip the test."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "ca.pem"
        if not self.file.exists():
            extensions = ["-addext", "basicConstraints=critical,CA:TRUE"]
            extensions += ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
            self._openssl(
                *("req", "-x509", "-new", "-nodes", "-newkey", "ec", "-days", "3"),
                *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=Authority of tests"),
                *("-keyout", folder / "ca.key", "-out", self.file, *extensions),
            )

    def certificate(self, name: str, *names: str, days: int = 2) -> Path:
        """Return the stem of a certificate's files, for names such as `DNS:localhost`."""
        stem = self.folder / name
        if Path(f"{stem}.pem").exists():
            return stem
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(
            f"subjectAltName={','.join(names)}\nbasicConstraints=CA:FALSE\n"
            "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
            "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )
        self._openssl(
            *("req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-subj", f"/CN={name}"),
            *("-keyout", f"{stem}.key", "-out", f"{stem}.csr"),
        )
        self._openssl(
            *("x509", "-req", "-in", f"{stem}.csr", "-CA", self.file, "-CAcreateserial"),
            *("-CAkey", self.folder / "ca.key", "-days", str(days), "-extfile", extensions),
            *("-out", f"{stem}.pem"),
        )
        return stem

    @staticmethod
    def _openssl(*words: object) -> None:
        subprocess.run([find("openssl"), *map(str, words)], check=True, capture_output=True)


class Server:
    """An LDAP server that a test runs, and that its administrator changes."""

    def __init__(self, folder: Path, authority: Authority, name: str, password: str) -> None:
        self.folder, self.ca_file = folder, authority.file
        self.log = folder / "log"
        self._admin = name, password
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def admin_url(self) -> str:
        """The address that the administrator comes by."""
        raise NotImplementedError

    def run(self, command: Sequence[str], host: str, port: int) -> None:
        """Start it; return when it answers."""
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        for _ in range(1500):
            with contextlib.suppress(OSError):
                socket.create_connection((host, port), timeout=5).close()
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        pytest.fail(f"{command[0]} does not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None

    def change(self, ldif: str) -> None:
        """Make changes (`changetype: ...`) as the administrator."""
        self.tool("ldapmodify", "-a", ldif)

    def set(self, dn: str, attribute: str, *values: str) -> None:
        """Replace the values of an attribute."""
        lines = "".join(ldif_line(attribute, value) for value in values)
        self.change(f"{ldif_line('dn', dn)}changetype: modify\nreplace: {attribute}\n{lines}")

    def delete(self, dn: str) -> None:
        """Delete an entry."""
        self.change(f"{ldif_line('dn', dn)}changetype: delete\n")

    def tool(self, program: str, *words: str) -> None:
        """Run one of OpenLDAP's programs as the administrator; the last word is its input."""
        *options, text = words
        name, password = self._admin
        command = [find(program), "-x", "-H", self.admin_url, "-D", name, "-w", password, *options]
        env = os.environ | {"LDAPTLS_CACERT": str(self.ca_file)}
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, check=False, env=env
        )
        assert done.returncode == 0, done.stderr.decode()


class Directory(Server):
    """A slapd that can be stopped and started again on its ports, with its data."""

    def __init__(self, folder: Path, authority: Authority, *names: str, days: int = 2) -> None:
        super().__init__(folder, authority, ADMIN, ADMIN_PASSWORD)
        self.port, self.tls_port = free_port(), free_port()
        name = f"slapd{days}-{'-'.join(names).replace(':', '.')}"
        (folder / "data").mkdir(parents=True)
        (folder / "slapd.conf").write_text(
            CONFIG.format(
                folder=folder,
                ca=authority.folder,
                certificate=authority.certificate(name, *names, days=days),
                base=BASE,
                admin=ADMIN,
                password=ADMIN_PASSWORD,
                reader=READER,
            )
        )
        self.load(DATA)

    @property
    def admin_url(self) -> str:
        """Its address without TLS, whatever its certificate is like."""
        return f"ldap://localhost:{self.port}"

    @property
    def url(self) -> str:
        """Its address, by TLS."""
        return f"ldaps://localhost:{self.tls_port}"

    @property
    def settings(self) -> dict[str, str]:
        """The settings of an app that asks it."""
        return {
            "LDAP_URL": self.url,
            "LDAP_CA_FILE": str(self.ca_file),
            "LDAP_BIND_DN": READER,
            "LDAP_BIND_PASSWORD": READER_PASSWORD,
            "LDAP_BASE": BASE,
            "LDAP_ATTRIBUTES": "mail=email",
        }

    def configure(self, env: Path) -> None:
        """Write the settings of an app that asks it into its `.env`, in place of those there."""
        write_settings(env, self.settings)

    def load(self, ldif: str) -> None:
        """Write entries into the data of a directory that does not run."""
        command = [find("slapadd"), "-q", "-f", str(self.folder / "slapd.conf")]
        subprocess.run(command, input=ldif.encode(), check=True, capture_output=True)

    def start(self) -> None:
        """Start it; return when it answers."""
        urls = f"ldap://localhost:{self.port} ldaps://localhost:{self.tls_port}"
        command = [find("slapd"), "-f", str(self.folder / "slapd.conf"), "-h", urls, "-d", "stats"]
        self.run(command, "localhost", self.tls_port)

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """Let it take connections, and say nothing, until the block ends."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def binds(self, name: str) -> int:
        """Return how often it was asked for the password of a person."""
        return self.log.read_text("utf-8").count(f'BIND dn="{dn_of(name)}" method=')

    def add_person(self, name: str, password: str, *lines: str) -> None:
        """Add a person; more lines are of LDIF."""
        self.change(person(name, password, *lines))

    def add_group(self, name: str, *members: str) -> None:
        """Add a group of DNs."""
        lines = "\n".join(f"member: {member}" for member in members)
        self.change(f"dn: cn={name},{GROUPS}\nobjectClass: groupOfNames\ncn: {name}\n{lines}\n")

    def clear(self) -> None:
        """Delete all people and groups."""
        folders = (PEOPLE, GROUPS)
        self.tool("ldapdelete", "-r", "\n".join((*folders, "")))
        self.change("\n".join(f"dn: {dn}\nobjectClass: organizationalUnit\n" for dn in folders))


def write_settings(file: Path, settings: dict[str, str]) -> None:
    """Write settings into a `.env`, in place of those there."""
    text = file.read_text(encoding="utf-8")
    for name, value in settings.items():
        text = re.sub(rf"(?m)^{name}=.*\n", "", text) + f"{name}={value}\n"
    file.write_text(text, encoding="utf-8")


def dn_of(name: str) -> str:
    """Return the DN of a person, whatever is in the name."""
    escaped = "".join(f"\\{byte:02x}" for byte in name.encode())
    return f"uid={name if name.isascii() and name.isalnum() else escaped},{PEOPLE}"


def person(name: str, password: str, *lines: str) -> str:
    """Return a person as LDIF."""
    values = [("uid", name), ("cn", name), ("sn", name), ("userPassword", password)]
    known = "".join(ldif_line(key, value) for key, value in values)
    return f"dn: {dn_of(name)}\nobjectClass: inetOrgPerson\n{known}" + "\n".join((*lines, ""))


def ldif_line(attribute: str, value: str) -> str:
    """Return a line of LDIF, whatever is in the value."""
    return f"{attribute}:: {base64.b64encode(value.encode()).decode()}\n"


@contextlib.contextmanager
def serve_directory(folder: Path, *names: str, days: int = 2) -> Iterator[Directory]:
    """Run a directory until the block ends, with a certificate for localhost or for `names`."""
    authority = Authority(folder)
    names = names or ("DNS:localhost", "IP:127.0.0.1", "IP:::1")
    directory = Directory(folder / f"directory-{free_port()}", authority, *names, days=days)
    directory.start()
    try:
        yield directory
    finally:
        directory.stop()


@functools.cache
def shared_directory() -> Directory:
    """Return a directory that runs until the process ends."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="directory-"))
    return stack.enter_context(serve_directory(Path(folder)))
