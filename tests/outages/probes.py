"""What a site answers while a part of it is gone: each page once, all at the same time."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from secrets import token_hex
from threading import Event, Thread

import httpx
from outages.conftest import Site, visiting
from test_projects import tool
from visitor import Visitor
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, RejectConnection, Request, TextMessage

PATIENCE = 40
"""Seconds for an answer: whatever takes longer has no bound."""


@dataclass(frozen=True)
class Answer:
    """A status, or a word, and the seconds that it took."""

    what: str
    seconds: float


def timed(ask: Callable[[], object]) -> Answer:
    """Return what is answered, or how it fails."""
    started = time.monotonic()
    try:
        what = str(ask())
    except (httpx.HTTPError, OSError) as error:
        what = type(error).__name__
    return Answer(what, time.monotonic() - started)


class Socket:
    """A websocket's client."""

    def __init__(self, url: str, cookies: httpx.Cookies) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=PATIENCE)
        self.connection = WSConnection(ConnectionType.CLIENT)
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        headers = [(b"cookie", cookie.encode())]
        request = Request(host=f"{host}:{port}", target="/live", extra_headers=headers)
        self.socket.sendall(self.connection.send(request))
        self.events = self._read()

    def _read(self) -> Iterator[str]:
        while True:
            data = self.socket.recv(65536)
            self.connection.receive_data(data or None)
            for event in self.connection.events():
                if isinstance(event, AcceptConnection | TextMessage):
                    yield "open"
                elif isinstance(event, RejectConnection):
                    yield str(event.status_code)
                elif isinstance(event, CloseConnection):
                    yield "closed"
            if not data:
                yield "gone"

    def next(self) -> str:
        """Return `open` for a message, or how the socket ended."""
        return next(self.events)

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()  # without a word, as a browser does whose machine sleeps


class Stream:
    """A stream that is read as it comes."""

    def __init__(self, visitor: Visitor) -> None:
        self.count, self.over = 0, Event()
        self.thread = Thread(target=self._read, args=(visitor,))
        self.thread.start()

    def _read(self, visitor: Visitor) -> None:
        with contextlib.suppress(httpx.HTTPError), visitor.client.stream("GET", "/stream") as body:
            for piece in body.iter_bytes():
                self.count += len(piece)
                if self.over.is_set():
                    return

    def goes_on(self) -> str:
        """Return `open` where more comes within some seconds."""
        before, deadline = self.count, time.monotonic() + 5
        while time.monotonic() < deadline:
            if self.count > before:
                return "open"
            time.sleep(0.05)
        return "closed"

    def close(self) -> None:
        """Stop reading."""
        self.over.set()
        self.thread.join()


class Writer:
    """Somebody who makes changes all the time, and remembers which have been acknowledged."""

    def __init__(self, url: str, mark: str) -> None:
        self.acknowledged: list[str] = []
        self.over = Event()
        self.thread = Thread(target=self._write, args=(url, mark))
        self.thread.start()

    def _write(self, url: str, mark: str) -> None:
        number = 0
        with httpx.Client(base_url=url, timeout=PATIENCE) as client:
            while not self.over.wait(0.05):
                number += 1
                text = f"{mark} {number}"
                with contextlib.suppress(httpx.HTTPError):
                    if client.post("/notes", data={"text": text}).status_code == 200:
                        self.acknowledged.append(text)

    def close(self) -> None:
        """Stop, once the last change is answered."""
        self.over.set()
        self.thread.join()


class Look:
    """What is asked of one server: a member, their open connections, and the pages."""

    def __init__(self, site: Site, server: str, stack: contextlib.ExitStack) -> None:
        self.site, self.url = site, site.urls[server]
        self.member = stack.enter_context(visiting(self.url))
        self.member.client.follow_redirects = False
        self.member.client.timeout = PATIENCE
        assert self.login(self.member) == 303
        self.socket = stack.enter_context(
            contextlib.closing(Socket(self.url, self.member.client.cookies))
        )
        assert [self.socket.next() for _ in range(2)] == ["open", "open"]
        listener = stack.enter_context(visiting(self.url))
        listener.client.cookies = httpx.Cookies(self.member.client.cookies)
        self.stream = stack.enter_context(contextlib.closing(Stream(listener)))
        assert self.stream.goes_on() == "open"
        self.writer = stack.enter_context(contextlib.closing(Writer(self.url, server)))

    def login(self, visitor: Visitor | None = None, name: str | None = None) -> int:
        """Return the status of a login, with the right password unless the name is another."""
        if visitor is None:
            with visiting(self.url) as visitor:
                visitor.client.follow_redirects = False
                visitor.client.timeout = PATIENCE
                return self.login(visitor, name)
        form = {"username": name or self.site.name, "password": self.site.password}
        return visitor.submit("/", "/", **form).status_code

    def get(self, path: str, method: str = "GET") -> int:
        """Return the status of a page that the member opens, in a browser of its own."""
        with httpx.Client(base_url=self.url, timeout=PATIENCE) as client:
            client.cookies = httpx.Cookies(self.member.client.cookies)
            headers = {"Accept": "text/html"}
            return client.request(method, path, headers=headers).status_code

    def anonymous(self, path: str, **form: str) -> int:
        """Return the status of a page for anybody."""
        if form:
            return httpx.post(f"{self.url}{path}", data=form, timeout=PATIENCE).status_code
        return httpx.get(f"{self.url}{path}", timeout=PATIENCE).status_code

    def new_socket(self) -> str:
        """Return how a websocket begins that is opened now."""
        with contextlib.closing(Socket(self.url, self.member.client.cookies)) as opened:
            return opened.next()

    def open_socket(self) -> str:
        """Return how the websocket goes on that was open before."""
        for _ in range(20):  # messages of four seconds; older ones wait to be read
            word = self.socket.next()
            if word != "open":
                break
        return word

    def command(self) -> str:
        """Return how `quart users list` ends."""
        project = self.site.project
        command = [tool(project, "quart"), "users", "list"]
        done = subprocess.run(
            command,
            cwd=project.path,
            env=self.site.env,
            capture_output=True,
            text=True,
            check=False,
        )
        printed = done.stdout + done.stderr
        assert "Traceback" not in printed, printed
        return "done" if done.returncode == 0 else "one line" if _one_line(printed) else printed

    def is_well(self) -> bool:
        """Return whether everything works."""
        asked = (
            lambda: self.anonymous("/readyz") == 200,
            lambda: self.get("/protected") == 200,
            lambda: self.anonymous("/notes", text="again") == 200,
            lambda: self.login() == 303,
        )
        with contextlib.suppress(httpx.HTTPError):
            return all(ask() for ask in asked)
        return False

    def everything(self) -> dict[str, Callable[[], object]]:
        """Return what to ask, by its name in the table."""
        return {
            "public page": lambda: self.anonymous("/about"),
            "static file": lambda: self.anonymous("/static/style.css"),
            "404": lambda: self.get("/nowhere"),
            "405": lambda: self.get("/logout"),
            "/healthz": lambda: self.anonymous("/healthz"),
            "login page": lambda: self.anonymous("/"),
            "login": self.login,
            "page behind it": lambda: self.get("/protected"),
            "own query": lambda: self.anonymous("/users"),
            # So long that no room is left for it where any was.
            "own change": lambda: self.anonymous("/notes", text=token_hex(3000)),
            "open websocket": self.open_socket,
            "open stream": self.stream.goes_on,
            "new websocket": self.new_socket,
            "/readyz": lambda: self.anonymous("/readyz"),
        }


def _one_line(printed: str) -> bool:
    return len(re.findall(r"^Error: .+", printed, re.M)) == 1


def ask_all(looks: dict[str, Look]) -> dict[str, dict[str, Answer]]:
    """Return what each server answers to everything at once, by the name in the table."""
    with ThreadPoolExecutor(40) as pool:
        asked: dict[str, dict[str, Future[Answer]]] = {}
        for server, look in looks.items():
            for name, ask in look.everything().items():
                asked.setdefault(name, {})[server] = pool.submit(timed, ask)
        answered = {
            name: {server: answer.result() for server, answer in answers.items()}
            for name, answers in asked.items()
        }
    # By itself: a program that starts beside all these takes most of a slow machine.
    answered["quart users"] = {"quart": timed(next(iter(looks.values())).command)}
    return answered
