"""Where attempts are counted: in this process, or in Redis for all of them."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from limits.aio.storage import RedisStorage, Storage
from limits.errors import StorageError
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected

MAXIMUM_COUNTERS = 100_000
"""Counters kept in memory, some 35 MiB; the one used longest ago goes first."""
TIMEOUT = 1.5
"""Seconds that Redis has to answer."""
PAUSE = 3.0
"""Seconds after a fault of Redis in which it is not asked again."""
GIVE_BACK = "if tonumber(redis.call('get', KEYS[1]) or 0) > 0 then redis.call('decr', KEYS[1]) end"


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


class RedisCounters(RedisStorage):
    """Counters in Redis, which is not asked for a while after it did not answer."""

    def __init__(self, uri: str) -> None:
        super().__init__(
            f"async+{uri}",
            wrap_exceptions=True,
            implementation="redispy",
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            # What Redis has closed meanwhile is opened again; nothing is waited for twice.
            retry=Retry(NoBackoff(), 1, (Disconnected,)),  # type: ignore[arg-type]  # passed on
        )
        self._paused_until = 0.0

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to the counter, which lasts for `expiry` seconds from its first use."""
        count: int = await self._guarded(super().incr, key, expiry, amount)
        return count

    async def clear(self, key: str) -> None:
        """Forget the counter."""
        await self._guarded(super().clear, key)

    async def give_back(self, key: str) -> None:
        """Take one from the counter, unless it is none or has expired meanwhile."""
        bridge: Any = self.bridge
        script = bridge.get_connection().eval
        await self._guarded(script, GIVE_BACK, 1, bridge.prefixed_key(key))

    async def close(self) -> None:
        """Close the connections, which belong to the event loop that they were made on."""
        bridge: Any = self.bridge
        await bridge.get_connection().aclose()

    async def _guarded(self, method: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        if time.monotonic() < self._paused_until:
            raise StorageError(ConnectionError("Redis did not answer a moment ago"))
        try:
            return await method(*args)
        except Exception as error:
            self._paused_until = time.monotonic() + PAUSE
            raise error if isinstance(error, StorageError) else StorageError(error) from None


def create_counters(uri: str) -> MemoryCounters | RedisCounters:
    """Return the counters at the address, `memory://` or one of Redis."""
    return MemoryCounters() if uri.startswith("memory:") else RedisCounters(uri)
