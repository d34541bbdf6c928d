"""Attempts counted in Redis, for all processes; imported where the settings ask for it."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from environs import EnvError
from limits.aio.storage import RedisStorage
from limits.errors import StorageError
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import TimeoutError as TimedOut

TIMEOUT = 1.5
"""Seconds that Redis has to answer."""
PAUSE = 3.0
"""Seconds after a fault of Redis in which it is not asked again."""
GIVE_BACK = """
local count = math.min(tonumber(redis.call('get', KEYS[1]) or 0), tonumber(ARGV[1]))
if count > 0 then redis.call('decrby', KEYS[1], count) end
"""


class RedisCounters(RedisStorage):
    """Counters in Redis, which is not asked for a while after it did not answer.

    A Redis that hangs does what it was sent when it goes on: that is taken back then.
    """

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
        self._shown = show(uri)
        self._paused_until = 0.0
        self._owed: Counter[str] = Counter()

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to the counter, which lasts for `expiry` seconds from its first use."""
        while self._owed:
            await self._take(*self._owed.popitem())
        try:
            count: int = await self._guarded(super().incr, key, expiry, amount)
        except StorageError as error:
            if isinstance(error.__cause__, TimedOut):
                # Perhaps it was not even sent; then, at worst, a limit begins anew.
                self._owed[key] += amount
            raise
        return count

    async def clear(self, key: str) -> None:
        """Forget the counter."""
        await self._guarded(super().clear, key)

    async def give_back(self, key: str) -> None:
        """Take one from the counter, unless it is none or has expired meanwhile."""
        with suppress(StorageError):
            await self._take(key, 1)

    async def close(self) -> None:
        """Close the connections, which belong to the event loop that they were made on."""
        bridge: Any = self.bridge
        await bridge.get_connection().aclose()

    async def _take(self, key: str, count: int) -> None:
        bridge: Any = self.bridge
        script = bridge.get_connection().eval
        try:
            await self._guarded(script, GIVE_BACK, 1, bridge.prefixed_key(key), count)
        except StorageError as error:
            if not isinstance(error.__cause__, TimedOut):
                self._owed[key] += count
            raise

    async def _guarded(self, method: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        if time.monotonic() < self._paused_until:
            raise self._fault("it did not a moment ago")
        try:
            return await method(*args)
        except Exception as error:
            self._paused_until = time.monotonic() + PAUSE
            cause = error.storage_error if isinstance(error, StorageError) else error
            raise self._fault(str(cause) or type(cause).__name__) from cause

    def _fault(self, reason: str) -> StorageError:
        said = f"RATELIMIT_STORAGE_URI={self._shown} does not answer: {reason}"
        return StorageError(ConnectionError(said))


def show(uri: str) -> str:
    """Return the address for the log: without its password, and without its options."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def check_options(uri: str) -> None:
    """Raise `EnvError` where Redis' client cannot take an option of the address."""
    pool: Any = ConnectionPool.from_url
    try:
        pool(uri.replace("redis+unix:", "unix:", 1)).make_connection()
    except (TypeError, ValueError, AttributeError):
        raise EnvError("it has an option that Redis' client does not take") from None
