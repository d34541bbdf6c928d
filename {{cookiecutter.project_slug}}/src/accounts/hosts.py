"""Host names: how settings write them, and which of them requests may ask for."""

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from environs import EnvError

from .words import words

NAME = re.compile(r"\.?[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*", re.ASCII)


def host_names(value: str | list[str]) -> list[str]:
    """Parse host names; one with a dot before it stands for all names below it, and for itself.

    Understood as well, since people write so: an address in place of its name (scheme and port do
    not matter), `*.example.org`, capitals, a dot at the end, letters beyond ASCII, quotes.
    """
    return [_host_name(word) for word in words(value)]


def is_trusted(host: str, names: Collection[str]) -> bool:
    """Return whether the host of a request, whatever its port, is among the names."""
    name = _without_port(host).lower().rstrip(".")
    if name in names:
        return not name.startswith(".")
    # Each of its ends that begins with a dot, and itself.
    ends = (name[at:] for at, letter in enumerate(name) if letter == ".")
    return bool(name) and any(end in names for end in (f".{name}", *ends))


def has_port(host: str) -> bool:
    """Return whether a host says its port."""
    return host != _without_port(host)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and not port.endswith("]") else host


def _host_name(word: str) -> str:
    text = word.strip("\"'")
    try:
        if "://" in text:
            text = urlsplit(text).netloc
        name = (_address(text) or _without_port(text)).lower().rstrip(".").removeprefix("*")
        dot = "." if name.startswith(".") else ""
        name = _address(name) or dot + name.removeprefix(".").encode("idna").decode("ascii")
    except ValueError:
        name = ""
    known = NAME.fullmatch(name) or _address(name)
    if not known or (text.startswith("*") and not text.startswith("*.")):
        reason = f"{word!r} is no host name; write example.org, or .example.org for all below it"
        raise EnvError(reason)
    return name


def _address(name: str) -> str | None:
    try:
        found: IPv4Address | IPv6Address = ip_address(name.strip("[]"))
    except ValueError:
        return None
    return f"[{found}]" if found.version == 6 else str(found)
