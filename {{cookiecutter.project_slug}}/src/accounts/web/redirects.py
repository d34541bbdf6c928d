"""Where to go after a login: never off the site."""

import re

from quart import request, url_for

from ..state import state

MAXIMUM_LENGTH = 2048
# One slash, then neither slash nor backslash, then printable ASCII without space and backslash:
# browsers strip tabs and newlines, and take a backslash for a slash.
LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*", re.ASCII)


def is_local(target: str) -> bool:
    """Return whether a target stays on this site, whatever a browser makes of it."""
    return len(target) <= MAXIMUM_LENGTH and LOCAL.fullmatch(target) is not None


def next_url() -> str:
    """Return the `next` of this request if it stays on the site, else the home page."""
    target = request.args.get("next", "")
    return target if is_local(target) else url_for(state().home_view)


def return_path() -> str | None:
    """Return the path of this request, for a login page to come back to, if one may."""
    path = request.full_path.rstrip("?")
    return path if request.method == "GET" and is_local(path) else None
