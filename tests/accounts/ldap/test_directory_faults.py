"""A directory that is gone, silent, or not the one that it should be."""

import asyncio
import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accounts import BackendUnavailable
from browser import PASSWORD
from directory import Authority, Directory, free_port, serve_directory


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Directory]:
    """A directory that the test may stop."""
    with serve_directory(tmp_path) as directory:
        directory.add_person("alice", PASSWORD)
        yield directory


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def speaker(answer: bytes) -> asyncio.Server:
    """Return a server that answers whatever it is asked with these bytes."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read(1)
            writer.write(answer)
            await writer.drain()
            writer.close()

    return await asyncio.start_server(speak, "127.0.0.1", 0)


@pytest.mark.promise(44, asvs="16.5.2")
async def test_directory_that_is_gone_is_named_and_found_again(own: Directory, ask: Any) -> None:
    asked = ask(**own.settings)
    assert await asked.authenticate("alice", PASSWORD)
    own.stop()
    with pytest.raises(BackendUnavailable, match=f"directory {own.url} of LDAP_URL .*refused"):
        await asked.authenticate("alice", PASSWORD)
    own.start()
    assert await asked.authenticate("alice", PASSWORD)


@pytest.mark.promise(43, asvs="13.2.6, 16.5.2")
async def test_next_server_answers_and_is_asked_first_from_then_on(
    own: Directory, silent: int, ask: Any
) -> None:
    urls = f"ldaps://127.0.0.1:{silent},{own.url}"
    asked = ask(**own.settings | {"LDAP_URL": urls, "LDAP_TIMEOUT": "1"})
    assert [one.port for one in asked.servers] == [silent, own.tls_port]
    assert await asked.authenticate("alice", PASSWORD)
    assert [one.port for one in asked.servers] == [own.tls_port, silent]
    own.stop()
    with pytest.raises(BackendUnavailable) as fault:
        await asked.authenticate("alice", PASSWORD)
    assert own.url in str(fault.value)
    assert str(silent) in str(fault.value)


@pytest.mark.promise(43, asvs="13.2.6, 16.5.2")
@pytest.mark.parametrize(("scheme", "start_tls"), [("ldaps", "0"), ("ldap", "1"), ("ldap", "0")])
async def test_silent_server_keeps_nobody_else_waiting(
    scheme: str, start_tls: str, silent: int, ask: Any
) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    asked = ask(
        LDAP_URL=f"{scheme}://127.0.0.1:{silent}", LDAP_STARTTLS=start_tls, LDAP_TIMEOUT="1"
    )
    with pytest.raises(BackendUnavailable, match="timed out"):
        await asked.authenticate("alice", PASSWORD)
    ticking.cancel()
    assert ticks > 10


@pytest.mark.promise(43, asvs="13.2.6, 16.5.2")
async def test_crowd_before_a_silent_server_is_told_so(silent: int, ask: Any) -> None:
    asked = ask(LDAP_URL=f"ldaps://127.0.0.1:{silent}", LDAP_TIMEOUT="1")
    crowd = [asked.authenticate("alice", PASSWORD) for _ in range(40)]
    answers = await asyncio.gather(*crowd, return_exceptions=True)
    assert {type(answer) for answer in answers} == {BackendUnavailable}


@pytest.mark.promise(44, asvs="16.5.3")
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x30\x05\x02\x01\x01\x61\x00",
        b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"[:-2],
        b"\x00" * 64,
        b"\xff" * 64,
        b"\x30\x84\x7f\xff\xff\xff\x02\x01\x01",
    ],
)
async def test_server_of_something_else_lets_nobody_in(answer: bytes, ask: Any) -> None:
    server = await speaker(answer)
    port = server.sockets[0].getsockname()[1]
    for scheme in ("ldap", "ldaps"):
        asked = ask(LDAP_URL=f"{scheme}://127.0.0.1:{port}", LDAP_TIMEOUT="1")
        with pytest.raises(BackendUnavailable, match=f"directory {scheme}://127.0.0.1:{port}"):
            await asked.authenticate("alice", PASSWORD)
    server.close()


@pytest.mark.promise(45, asvs="12.3.1, 12.3.2")
@pytest.mark.parametrize("way", ["ldaps", "StartTLS"])
@pytest.mark.parametrize(
    ("names", "days", "host", "reason"),
    [
        ("DNS:localhost", -1, "localhost", "expired"),
        ("DNS:elsewhere.example", 2, "localhost", "Hostname mismatch"),
        ("DNS:localhost", 2, "127.0.0.1", "IP address mismatch"),
        ("DNS:localhost,IP:127.0.0.1", 2, "127.0.0.1", ""),
        ("DNS:localhost", 2, "localhost", ""),
    ],
)
async def test_certificate_has_to_be_valid_and_the_hosts(
    names: str, days: int, host: str, reason: str, way: str, tmp_path: Path, ask: Any
) -> None:
    with serve_directory(tmp_path, *names.split(","), days=days) as own:
        own.add_person("alice", PASSWORD)
        ports = {"ldaps": f"ldaps://{host}:{own.tls_port}", "StartTLS": f"ldap://{host}:{own.port}"}
        asked = ask(**own.settings | {"LDAP_URL": ports[way], "LDAP_STARTTLS": "1"})
        if reason:
            with pytest.raises(BackendUnavailable, match=reason):
                await asked.authenticate("alice", PASSWORD)
        else:
            assert await asked.authenticate("alice", PASSWORD)


@pytest.mark.promise(45, asvs="12.3.2")
async def test_certificate_of_an_unknown_authority_is_refused(
    own: Directory, tmp_path: Path, ask: Any
) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    for file in ("", other.file):
        with pytest.raises(BackendUnavailable, match="certificate verify failed"):
            await ask(**own.settings | {"LDAP_CA_FILE": file}).authenticate("alice", PASSWORD)


@pytest.mark.promise(50, asvs="16.2.5")
async def test_service_that_may_not_bind_is_named_without_its_password(ask: Any) -> None:
    secret = "not what the reader knows"
    for changed in ({"LDAP_BIND_PASSWORD": secret}, {"LDAP_BIND_DN": "cn=none,dc=example,dc=org"}):
        with pytest.raises(BackendUnavailable, match="refuses LDAP_BIND_DN") as fault:
            await ask(**changed).authenticate("alice", PASSWORD)
        assert "knows" not in str(fault.value)


async def test_base_that_is_not_there_is_named(ask: Any) -> None:
    with pytest.raises(BackendUnavailable, match="search of dc=none with noSuchObject; LDAP_BASE "):
        await ask(LDAP_BASE="dc=none").authenticate("alice", PASSWORD)


def report(asked: Any) -> str:
    """Return the lines that the command would print, the fault last."""
    lines = []
    try:
        lines += asked.report(*asked.servers)
    except BackendUnavailable as fault:
        lines.append(str(fault))
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"LDAP_USER_FILTER": "(&(uid={name})(sn=nobody))"}, "0 people"),
        ({"LDAP_ID_ATTRIBUTE": "objectGUID"}, "of whom 1 have no objectGUID\n"),
        ({"LDAP_NAME_ATTRIBUTE": "sAMAccountName"}, "of whom 1 have no sAMAccountName\n"),
        ({"LDAP_BIND_DN": "reader"}, "refuses LDAP_BIND_DN"),
        ({"LDAP_BIND_DN": "", "LDAP_BIND_PASSWORD": ""}, "LDAP_BIND_DN who asks"),
    ],
)
def test_report_fails_where_nobody_could_log_in_and_names_the_setting(
    directory: Directory, ask: Any, changed: dict[str, str], words: str
) -> None:
    directory.add_person("alice", PASSWORD)
    told = report(ask(**changed))
    assert words in told
    assert told.startswith("connected")
    assert "LDAP_" in told.splitlines()[-1]


def test_fault_of_tls_is_told_in_plain_words(own: Directory, ask: Any) -> None:
    plain = {"LDAP_URL": f"ldaps://localhost:{own.port}"}
    for changed, words in (
        (plain, "is out of reach by TLS: "),
        ({"LDAP_CA_FILE": ""}, "certificate verify failed: .*; see LDAP_CA_FILE"),
    ):
        told = report(ask(**own.settings | changed))
        assert re.fullmatch(rf"The directory {re.escape(own.url)[:5]}\S+ of LDAP_URL .+", told)
        assert re.search(words, told)
        assert "socket" not in told
        assert "('" not in told


@pytest.mark.promise(43, asvs="13.2.6")
async def test_forty_logins_at_once_are_all_answered(own: Directory, ask: Any) -> None:
    asked = ask(**own.settings)
    crowd = [asked.authenticate("alice", PASSWORD) for _ in range(40)]
    assert all(await asyncio.gather(*crowd))


def test_free_port_is_nobodys(ask: Any) -> None:
    asked = ask(LDAP_URL=f"ldap://localhost:{free_port()}")
    with pytest.raises(BackendUnavailable, match="refused"):
        list(asked.report(*asked.servers))
