"""Attempts counted in Redis, for all processes; imported where the settings ask for it."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from limits.aio.storage import RedisStorage
from limits.errors import StorageError
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected

TIMEOUT = 1.5
"""Seconds that Redis has to answer."""
PAUSE = 3.0
"""Seconds after a fault of Redis in which it is not asked again."""
GIVE_BACK = "if tonumber(redis.call('get', KEYS[1]) or 0) > 0 then redis.call('decr', KEYS[1]) end"


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
