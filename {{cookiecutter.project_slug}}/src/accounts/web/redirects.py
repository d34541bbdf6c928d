"""Where to go after a login: never off the site."""

import re
from urllib.parse import quote, unquote

from quart import request, url_for

from ..state import state

MAXIMUM_LENGTH = 2048
# One slash, then neither slash nor backslash, then printable ASCII without space and backslash:
# browsers strip tabs and newlines, and take a backslash for a slash.
LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*", re.ASCII)
KEPT = "!\"#$%&'()*+,/:;<=>?@[]^`{|}"  # Of what is sent as it is.


def is_local(target: str) -> bool:
    """Return whether a target stays on this site, whatever a browser makes of it."""
    return len(target) <= MAXIMUM_LENGTH and LOCAL.fullmatch(target) is not None


def next_url() -> str:
    """Return the `next` of this request if it stays on the site, else the home page.

    Where the app is mounted below a prefix, what is beside it is another site.
    """
    target = request.args.get("next", "")
    below = f"{target}/".startswith(f"{request.root_path}/")
    return target if below and is_local(target) else url_for(state().home_view)


def return_path() -> str | None:
    """Return the path of this request, for a login page to come back to, if one may."""
    query = request.query_string
    path = _path_as_sent() + (f"?{quote(query, safe=KEPT)}" if query else "")
    return path if request.method == "GET" and is_local(path) else None


def _path_as_sent() -> str:
    """Return the path with its percent-encoding: `%2F` is no slash, and `%3F` begins no query."""
    path = request.root_path + request.path
    sent = request.scope.get("raw_path", b"").partition(b"?")[0].decode("latin-1")
    for raw in (sent, request.root_path + sent):
        if unquote(raw) == path:
            return quote(raw, safe=KEPT)
    return quote(path)
