"""Clients that speak over plain sockets: they send what they like, and leave when they like."""

from __future__ import annotations

import re
import socket
import struct
from contextlib import suppress
from urllib.parse import urlencode, urlsplit

ABORT = struct.pack("ii", 1, 0)  # Linger for no time: the connection is reset.


class Client:
    """A browser of one connection for each request, which keeps its cookies."""

    def __init__(self, url: str, login: str = "/", field: str = "username") -> None:
        self.port = urlsplit(url).port or 80
        self.login, self.field = login, field
        self.cookies: dict[str, str] = {}

    def request(self, path: str, form: dict[str, str] | None = None) -> bytes:
        """Return the bytes of a request: the form's, or for the page."""
        body = urlencode(form).encode() if form is not None else b""
        lines = [
            f"{'GET' if form is None else 'POST'} {path} HTTP/1.1",
            "Host: localhost",
            "Accept: text/html",
            "Connection: close",
            "Cookie: " + "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        ]
        if form is not None:
            lines.append("Content-Type: application/x-www-form-urlencoded")
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection(("localhost", self.port), timeout=20)

    def exchange(self, path: str, form: dict[str, str] | None = None) -> str:
        """Send a request, keep the cookies of the answer, and return it."""
        with self.connect() as connection:
            connection.sendall(self.request(path, form))
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        head = answer.partition("\r\n\r\n")[0]
        for name, value in re.findall(r"^set-cookie: ([^=]+)=([^;\r]*)", head, re.I | re.M):
            self.cookies[name] = value
        return answer

    def leave(self, seconds: float, path: str, form: dict[str, str] | None = None) -> None:
        """Send a request, and reset the connection after some time."""
        with self.connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            connection.sendall(self.request(path, form))
            connection.settimeout(max(seconds, 0.0001))
            with suppress(TimeoutError):
                connection.recv(1)

    def token(self) -> str:
        """Return the token that this client's forms carry."""
        for path in ("/protected", self.login):
            found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.exchange(path))
            if found:
                return found[1]
        raise AssertionError("no page has a form")

    def submit(self, path: str, **form: str) -> str:
        """Send a form with its token."""
        return self.exchange(path, {"csrf_token": self.token(), **form})

    def log_in(self, name: str, password: str, **form: str) -> None:
        """Log in."""
        answer = self.submit(self.login, **{self.field: name}, password=password, **form)
        assert re.match(r"HTTP/1\.1 30[23]", answer), answer[:1000]
