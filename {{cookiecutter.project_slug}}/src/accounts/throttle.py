"""Limits on login attempts: for each address, and for each account, browser or session.

An attempt is counted before the password is looked at, so that parallel ones count too, and given
back where the password was right or nobody looked at it: only failures stay counted.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from limits import RateLimitItem, parse
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError
from werkzeug.exceptions import TooManyRequests

from .addresses import networks
from .counters import create_counters
from .tokens import digest

Counter = tuple[RateLimitItem, str, str]  # A limit, what kind it is, and whose.

WHOSE = {
    "address": "from your network",
    "account": "for this account",
    "browser": "for this account from this browser",
    "session": "with a wrong current password",
}


class TooManyAttempts(TooManyRequests):
    """One attempt too many; `limit` says which limit it is, `retry_after` is in seconds."""

    def __init__(self, limit: str, retry_after: int) -> None:
        minutes = -(-retry_after // 60)
        unit = "minute" if minutes == 1 else "minutes"
        super().__init__(
            f"Too many attempts {WHOSE[limit]}. Try again in {minutes} {unit}.",
            retry_after=retry_after,
        )
        self.limit = limit


class Attempt:
    """An attempt that is being made."""

    right: bool | None = None
    """Whether the password was right; None while nobody has looked at it."""


class Throttle:
    """Counts failed attempts; raises limits' `StorageError` while the store is out of reach."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._counters = create_counters(config["RATELIMIT_STORAGE_URI"])
        self._limiter = FixedWindowRateLimiter(self._counters)
        self._per_account = parse(config["LOGIN_LIMIT_PER_ACCOUNT"])
        self._per_address = parse(config["LOGIN_LIMIT_PER_ADDRESS"])
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def close(self) -> None:
        """Close the connections to the store."""
        await self._counters.close()

    @asynccontextmanager
    async def attempt(self, address: str | None, scope: str, key: str) -> AsyncIterator[Attempt]:
        """Count an attempt on what `scope` and `key` name, from the address, while it is made.

        Raises `TooManyAttempts`. The address comes first: who has used up its limit cannot use up
        that of anybody's account. Attempts on one account are made one after the other, so that of
        many right ones at a time none is refused.
        """
        counters = self._of_address(address) if address else []
        counters.append((self._per_account, scope, digest(key)))
        lock = self._locks.setdefault(f"{scope} {key}", asyncio.Lock())
        async with lock:
            counted: list[Counter] = []
            attempt = Attempt()
            try:
                for counter in counters:
                    counted.append(counter)
                    try:
                        await self._count(*counter)
                    except StorageError:
                        counted.pop()  # The store sees to what it could not answer.
                        raise
                yield attempt
            except asyncio.CancelledError:
                # Who hangs up in the middle of an attempt has made it.
                attempt.right = False
                raise
            finally:
                if attempt.right:
                    await self._limiter.clear(*counted.pop())
                if attempt.right is not False:
                    for limit, *whose in counted:
                        await self._counters.give_back(limit.key_for(*whose))

    async def _count(self, limit: RateLimitItem, scope: str, key: str) -> None:
        if not await self._limiter.hit(limit, scope, key):
            stats = await self._limiter.get_window_stats(limit, scope, key)
            raise TooManyAttempts(scope, max(1, int(stats.reset_time - time.time()) + 1))

    def _of_address(self, address: str) -> list[Counter]:
        limit = self._per_address
        return [
            (type(limit)(limit.amount * share, limit.multiples), "address", network)
            for network, share in networks(address)
        ]
