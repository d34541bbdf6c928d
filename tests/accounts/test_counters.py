"""Counters in memory: they go, however many there were, and cost the same for all that."""

import time
import tracemalloc

import pytest
from accounts.counters import MemoryCounters, create_counters
from accounts.redis_counters import RedisCounters
from accounts.tokens import digest
from rendered import Clock
from visits import redis_url, unique

pytestmark = pytest.mark.promise(26, asvs="15.2.2")


async def use(counters: MemoryCounters, numbers: range) -> float:
    """Count an attempt for each number; return the seconds that it took."""
    started = time.perf_counter()
    for number in numbers:
        await counters.incr(f"LIMITER/account/{digest(str(number))}/5/15/minute", 900)
    return time.perf_counter() - started


async def test_a_million_names_take_little_room_and_the_last_costs_what_the_first_did() -> None:
    counters = MemoryCounters()
    batches = [await use(counters, range(n, n + 10_000)) for n in range(0, 1_000_000, 10_000)]
    # The quickest of several, since other processes run as well.
    assert min(batches[-20:]) < 3 * min(batches[:20])
    full = len(counters._counters)
    tracemalloc.start()
    copies = MemoryCounters()
    await use(copies, range(110_000))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert full == len(copies._counters) == 100_000
    assert size < 50 * 2**20


async def test_counters_expire_and_are_forgotten(clock: Clock) -> None:
    counters = MemoryCounters()
    await use(counters, range(1000))
    clock.advance(901)
    await use(counters, range(1000, 1600))
    assert len(counters._counters) <= 600
    assert await counters.incr("name", 900) == 1
    assert await counters.incr("name", 900) == 2
    clock.advance(901)
    assert await counters.get("name") == 0
    assert await counters.incr("name", 900) == 1


async def test_the_one_used_longest_ago_goes_first() -> None:
    counters = MemoryCounters(3)
    for name in ("a", "b", "c", "a", "d"):
        await counters.incr(name, 900)
    assert [await counters.get(name) for name in "abcd"] == [2, 0, 1, 1]


async def test_counter_lasts_from_its_first_use(clock: Clock) -> None:
    counters = create_counters("memory://")
    started = time.time()
    await counters.incr("name", 900)
    clock.advance(600)
    await counters.incr("name", 900)
    assert await counters.get_expiry("name") == pytest.approx(started + 900, abs=5)
    await counters.clear("name")
    assert await counters.get("name") == 0
    assert await counters.check()
    await counters.incr("name", 900)
    assert await counters.reset() == 1
    assert await counters.get("name") == 0


async def test_counter_in_redis_goes_by_itself() -> None:
    counters, name = RedisCounters(await redis_url()), unique("counter")
    redis = counters.bridge.get_connection()
    await counters.incr(name, 900)
    await counters.incr(name, 900)
    await counters.give_back(name)
    (key,) = [key async for key in redis.scan_iter(f"*{name}*", count=10_000)]
    assert 0 < await redis.ttl(key) <= 900
    await counters.clear(name)
    await counters.close()
