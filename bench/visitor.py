"""A visitor: logs in as a browser does, and makes sure that the pages are the right ones."""

import re
from http.client import HTTPConnection
from urllib.parse import urlencode

NAME = "demo"
PASSWORD = "horse-battery-staple-9"
MARKS = {"/healthz": "ok"} | dict.fromkeys(
    ("/protected", "/line", "/slow"), f"Logged in as: {NAME}"
)


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
