"""A crowd of users who are logged in, ask for all at once, and look whose the answers are."""

from __future__ import annotations

import asyncio
import base64
import random
import re
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import uuid4

from attacks.raw import Client

MARK = re.compile(r"(?:one|mark)[0-9a-f]{12}")
PATIENCE = 30


def new_mark(kind: str) -> str:
    """Return a name that nobody else has; `kind` is `mark` for a user, `one` for a request."""
    return f"{kind}{uuid4().hex[:12]}"


@dataclass
class Member:
    """A user who is logged in."""

    url: str
    name: str
    cookie: str

    async def _open(
        self, path: str, *headers: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        port = urlsplit(self.url).port
        reader, writer = await asyncio.open_connection("localhost", port)
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", f"Cookie: {self.cookie}", *headers]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        return reader, writer

    async def ask(self, path: str) -> tuple[int, str]:
        """Return the status and the text of an answer."""
        async with asyncio.timeout(PATIENCE):
            reader, writer = await self._open(path, "Connection: close")
            with suppress(ConnectionResetError):
                text = (await reader.read(-1)).decode()
            writer.close()
        return int(text.split()[1]) if text else 0, text

    async def leave(self, path: str, seconds: float) -> None:
        """Ask, and be gone after some time."""
        _, writer = await self._open(path, "Connection: close")
        await asyncio.sleep(seconds)
        writer.transport.abort()

    async def talk(self, messages: Iterable[str]) -> tuple[int, str]:
        """Send messages to the websocket, and return what came back."""
        key = base64.b64encode(b"0123456789abcdef").decode()
        upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
        async with asyncio.timeout(PATIENCE):
            reader, writer = await self._open(
                "/soak/live", *upgrade, f"Sec-WebSocket-Key: {key}", "Origin: http://localhost"
            )
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            status, text = int(head.split()[1]), ""
            for message in messages if status == 101 else ():
                # A short text, masked with zeros.
                writer.write(bytes([0x81, 0x80 | len(message), 0, 0, 0, 0]) + message.encode())
                length = (await reader.readexactly(2))[1]
                text += (await reader.readexactly(length)).decode()
            writer.transport.abort()
        return status, text


@dataclass
class Crowd:
    """Users who ask at random; what is wrong is collected."""

    members: list[Member]
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    foreign: list[str] = field(default_factory=list)

    @classmethod
    def log_in(cls, url: str, users: Iterable[tuple[str, str]]) -> Crowd:
        """Log the users in."""
        members = []
        for name, password in users:
            client = Client(url)
            client.log_in(name, password)
            cookie = "; ".join(f"{key}={value}" for key, value in client.cookies.items())
            members.append(Member(url, name, cookie))
        return cls(members)

    async def ask(self, member: Member, kind: str, query: str = "") -> int:
        """Ask once, and look for marks of others."""
        mark = new_mark("one")
        try:
            if kind == "live":
                status, text = await member.talk([mark] * 5)
            else:
                status, text = await member.ask(f"/soak/{kind}?request={mark}{query}")
        except (ConnectionError, asyncio.IncompleteReadError):
            status, text = 0, ""
        self.answers[kind, status] += 1
        found = set(MARK.findall(text.partition("\r\n\r\n")[2] if kind != "live" else text))
        self.foreign += [f"{kind} {status}: {one}" for one in found - {member.name, mark}]
        if status in (200, 101) and kind != "state" and not found >= {member.name, mark}:
            self.foreign.append(f"{kind}: nobody's, {text[-300:]}")
        return status

    async def _wander(self, member: Member, kinds: list[str], until: float) -> None:
        while time.monotonic() < until:
            kind = random.choice(kinds)  # noqa: S311  # no secret
            if random.random() < 0.25:  # noqa: S311
                with suppress(ConnectionError):
                    path = f"/soak/{kind}?request={new_mark('one')}"
                    await member.leave(path, random.uniform(0, 0.15))  # noqa: S311
                self.answers[kind, -1] += 1
            else:
                query = random.choice(["", "&commit=1", "&commit=1", "&fail=before", "&fail=after"])  # noqa: S311
                await self.ask(member, kind, query if random.random() < 0.5 else "")  # noqa: S311

    async def wander(self, kinds: list[str], seconds: float, each: int = 1) -> None:
        """Ask for all kinds at once for some time; each user sends as many requests at a time."""
        until = time.monotonic() + seconds
        tasks = [self._wander(m, kinds, until) for m in self.members for _ in range(each)]
        await asyncio.gather(*tasks)
