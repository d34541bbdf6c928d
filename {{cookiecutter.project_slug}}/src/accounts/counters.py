"""Where attempts are counted: in this process, or in Redis for all of them."""

import time
from collections import OrderedDict
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from environs import EnvError
from limits.aio.storage import Storage
from limits.errors import StorageError

if TYPE_CHECKING:
    from .redis_counters import RedisCounters

STORES = ("memory", "redis", "redis+unix", "rediss")
ESCAPED = "In a password, / is written %2F, # is %23, ? is %3F and @ is %40"
MAXIMUM_COUNTERS = 100_000
"""Counters kept in memory, some 35 MiB; the one used longest ago goes first."""


class MemoryCounters(Storage):
    """Counters that expire, as many as fit into a table; unlike those of limits, which never go.

    Finding one costs the same however many there are, and no task runs beside the requests.
    """

    def __init__(self, maximum: int = MAXIMUM_COUNTERS) -> None:
        super().__init__()
        self._maximum = maximum
        self._counters: OrderedDict[str, tuple[int, float]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        """What limits would wrap; nothing here raises any."""
        return StorageError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to the counter, which lasts for `expiry` seconds from its first use."""
        now = time.time()
        count, expires_at = self._counters.pop(key, (0, 0.0))
        if expires_at <= now:
            count, expires_at = 0, now + expiry
        self._counters[key] = (count + amount, expires_at)
        self._forget(now)
        return count + amount

    async def get(self, key: str) -> int:
        """Return the count."""
        count, expires_at = self._counters.get(key, (0, 0.0))
        return count if expires_at > time.time() else 0

    async def get_expiry(self, key: str) -> float:
        """Return when the counter expires, in seconds since the epoch."""
        return self._counters.get(key, (0, time.time()))[1]

    async def clear(self, key: str) -> None:
        """Forget the counter."""
        self._counters.pop(key, None)

    async def give_back(self, key: str) -> None:
        """Take one from the counter, unless it is none or has expired meanwhile."""
        count, expires_at = self._counters.get(key, (0, 0.0))
        if count > 0 and expires_at > time.time():
            self._counters[key] = (count - 1, expires_at)

    async def close(self) -> None:
        """Do nothing: nothing is open."""

    async def check(self) -> bool:
        """Return that the storage works."""
        return True

    async def reset(self) -> int | None:
        """Forget all counters; return how many there were."""
        count = len(self._counters)
        self._counters.clear()
        return count

    def _forget(self, now: float) -> None:
        # Two at each use: what has expired goes faster than it comes.
        for _ in range(2):
            key, (_count, expires_at) = next(iter(self._counters.items()))
            if expires_at > now and len(self._counters) <= self._maximum:
                return
            del self._counters[key]


def rate_limit_store(value: str) -> str:
    """Parse the address of what counts attempts; what could be a password's is never shown."""
    try:
        parts = urlsplit(value)
        scheme, _ = parts.scheme, parts.port
    except ValueError:
        raise EnvError(f"its port is no number up to 65535. {ESCAPED}") from None
    if scheme not in STORES:
        raise EnvError("not a store such as memory:// or redis://localhost:6379")
    if "@" in parts.path or parts.fragment:
        raise EnvError(f"its host ends too early. {ESCAPED}")
    if scheme in ("redis", "rediss") and not f"0{parts.path.strip('/')}".isdecimal():
        raise EnvError("its path is no number, as in redis://localhost:6379/0")
    if scheme != "memory":
        from .redis_counters import check_options

        check_options(value)
    return value


def create_counters(uri: str) -> "MemoryCounters | RedisCounters":
    """Return the counters at the address, `memory://` or one of Redis."""
    if uri.startswith("memory:"):
        return MemoryCounters()
    # Not at the top: Redis' client takes as long to import as the rest of this package.
    from .redis_counters import RedisCounters

    return RedisCounters(uri)
