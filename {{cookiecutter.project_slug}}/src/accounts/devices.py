"""What the list of devices shows: names made from what browsers say of themselves, and times."""

from datetime import UTC, datetime

# The first that matches names it: browsers claim to be others, never the other way round.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


def device(user_agent: str) -> str:
    """Return a name such as `Firefox on Linux`; what is not known is left out."""
    parts = (_first(BROWSERS, user_agent), _first(SYSTEMS, user_agent))
    return " on ".join(filter(None, parts)) or "Unknown device"


def _first(names: tuple[tuple[str, str], ...], user_agent: str) -> str | None:
    return next((name for mark, name in names if mark in user_agent), None)


def utc(seconds: int) -> str:
    """Write seconds since the epoch as people read them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def iso(seconds: int) -> str:
    """Write seconds since the epoch as `<time datetime>` takes them."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()
