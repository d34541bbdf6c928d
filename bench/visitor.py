"""A visitor: logs in as a browser does, and makes sure that the pages are the right ones."""

import os
import re
import sys
import threading
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode

NAME = "demo"
PASSWORD = "horse-battery-staple-9"
MARKS = {
    "/healthz": "ok",
    "/": 'name="username"',
    "/protected": f"Logged in as: {NAME}",
    "/line": f"Logged in as: {NAME}",
    "/slow": f"Logged in as: {NAME}",
}


class WrongAnswer(Exception):
    """A peer does not do the work that is measured."""


def check(path: str, status: int, text: str) -> None:
    """Raise `WrongAnswer` unless the page is the one that is to be measured."""
    if status != 200 or MARKS[path] not in text:
        raise WrongAnswer(f"GET {path}: {status} {text[:300]!r}")


def filled_in(page: str) -> dict[str, str]:
    """Return the fields of the page's login form, its token included."""
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    form = {"username": NAME, "password": PASSWORD}
    return form | {"csrf_token": token[1]} if token else form


class Visitor:
    """One browser: it keeps its cookies."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    @property
    def cookie(self) -> str:
        """The Cookie header."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def ask(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """Ask for a page and return its status and text."""
        headers = {"Accept": "text/html"} | ({"Cookie": self.cookie} if self.cookies else {})
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            if form is None:
                connection.request("GET", path, headers=headers)
            else:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                connection.request("POST", path, urlencode(form), headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        for line in response.headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return response.status, text

    def check(self, path: str) -> None:
        """Raise `WrongAnswer` unless the page is the one that is to be measured."""
        check(path, *self.ask(path))

    def log_in(self) -> None:
        """Log in through the form."""
        _, page = self.ask("/")
        status, text = self.ask("/", filled_in(page))
        if status not in (302, 303):
            raise WrongAnswer(f"POST /: {status} {text[:300]!r}")
        # The page sets the cookie of its CSRF token; what is measured is the visit after that.
        self.check("/protected")


class Storm:
    """People who log in, one after the other, while something else is measured."""

    def __init__(self, port: int, people: int = 4) -> None:
        self.port = port
        self.logins = self.failures = 0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._log_in) for _ in range(people)]

    def __enter__(self) -> "Storm":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _log_in(self) -> None:
        # Else they would take the core from the client that measures, and count as the server's.
        if sys.platform == "linux":
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        while not self._over.is_set():
            try:
                Visitor(self.port).log_in()
                self.logins += 1
            except (WrongAnswer, OSError, HTTPException):
                self.failures += 1
