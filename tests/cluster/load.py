"""A steady load of people: pages behind the login, logins right and wrong, and websockets."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Request, TextMessage

Work = Callable[[], Coroutine[Any, Any, int]]

USERS = 4
PASSWORD = "correct horse battery staple"
PAUSE = {"page": 0.25, "login": 1.0, "wrong": 1.0, "socket": 0.3}
RIGHT = {"page": 200, "login": 303, "wrong": 401, "socket": 101}


@dataclass(frozen=True)
class Outcome:
    """How a request went; status 0 stands for no answer."""

    kind: str
    at: float
    status: int

    @property
    def failed(self) -> bool:
        return self.status != RIGHT[self.kind]


class Person:
    """A browser; production's cookies are for HTTPS, which a proxy ahead would speak."""

    def __init__(self, url: str) -> None:
        # A connection for each request: one that nginx closes meanwhile is a browser's to repeat.
        limits = httpx.Limits(max_keepalive_connections=0)
        self.client = httpx.AsyncClient(base_url=url, timeout=15, limits=limits)
        self.cookies: dict[str, str] = {}

    @property
    def headers(self) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Accept": "text/html", "Cookie": cookies}

    async def ask(self, method: str, path: str, **fields: str) -> httpx.Response:
        """Send a request and keep the cookies."""
        answer = await self.client.request(method, path, headers=self.headers, data=fields or None)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    async def login(self, name: str, password: str) -> int:
        """Fill in the form and send it; return the status."""
        self.cookies.clear()
        form = await self.ask("GET", "/")
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form.text)
        if not token:
            return form.status_code
        fields = {"username": name, "password": password, "csrf_token": token[1]}
        return (await self.ask("POST", "/", **fields)).status_code


@dataclass
class Load:
    """People at work until they are told to stop."""

    url: str
    port: int
    outcomes: list[Outcome] = field(default_factory=list)
    lost: int = 0
    ended: bool = False
    people: list[Person] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Log everybody in, and set them to work."""
        for number in range(USERS):
            person = Person(self.url)
            assert await person.login(f"user{number}", PASSWORD) == 303
            self.people.append(person)
        works: list[tuple[str, Work]] = []
        works += [("page", partial(self._page, person)) for person in self.people]
        for number in range(2):
            works.append(("login", partial(self._login, f"user{number}", PASSWORD)))
            works.append(("wrong", partial(self._login, f"guess{number}", "wrong")))
        self.tasks = [asyncio.create_task(self._repeat(*work)) for work in works]
        self.tasks += [asyncio.create_task(self._socket(person)) for person in self.people]

    async def end(self) -> None:
        """Let everybody finish what they are at, and close."""
        self.ended = True
        await asyncio.gather(*self.tasks)
        for person in self.people:
            await person.client.aclose()

    async def _repeat(self, kind: str, work: Work) -> None:
        while not self.ended:
            started = time.monotonic()
            try:
                status = await work()
            except httpx.TransportError:
                status = 0
            self.outcomes.append(Outcome(kind, started, status))
            await asyncio.sleep(PAUSE[kind])

    async def _page(self, person: Person) -> int:
        answer = await person.ask("GET", "/protected")
        self.lost += answer.status_code in (303, 401)
        return answer.status_code

    async def _login(self, name: str, password: str) -> int:
        person = Person(self.url)
        try:
            return await person.login(name, password)
        finally:
            await person.client.aclose()

    async def _socket(self, person: Person) -> None:
        while not self.ended:
            started = time.monotonic()
            status = await self._talk(person)
            self.outcomes.append(Outcome("socket", started, status))
            if status != 101:
                await asyncio.sleep(PAUSE["socket"])

    async def _talk(self, person: Person) -> int:
        """Open a websocket and talk; 101 if it was opened, and closed with a word."""
        protocol, opened, writer = WSConnection(ConnectionType.CLIENT), False, None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            headers = [(b"Cookie", person.headers["Cookie"].encode())]
            asked = Request(host="localhost", target="/echo", extra_headers=headers)
            writer.write(protocol.send(asked))
            while not self.ended:
                protocol.receive_data(await asyncio.wait_for(reader.read(4096), 15) or None)
                for event in protocol.events():
                    if isinstance(event, CloseConnection):
                        writer.write(protocol.send(event.response()))
                        return 101 if opened and event.code == 1012 else 0
                    if isinstance(event, (AcceptConnection, TextMessage)):
                        opened = True
                        await asyncio.sleep(PAUSE["socket"])
                        writer.write(protocol.send(TextMessage("still there?")))
            return 101
        except Exception:
            # Cut off, or refused: all the same to who was talking.
            return 0
        finally:
            if writer:
                writer.close()
