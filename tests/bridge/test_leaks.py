"""Nothing is left behind: no greenlet, task or context."""

import asyncio
import contextlib
import gc
import threading
import weakref
from collections import Counter
from contextvars import ContextVar

import pytest
import quart
from flask_patch import await_only, connections, greenlet_spawn, portals
from greenlet import greenlet

ROUNDS = 1000
held: ContextVar[object] = ContextVar("held")


class Held:
    """Something that lives as long as the context it is set in."""


def living(kind: type) -> int:
    gc.collect()
    return sum(isinstance(thing, kind) for thing in gc.get_objects())


async def ok() -> None:
    await asyncio.sleep(0)


async def fails() -> None:
    await asyncio.sleep(0)
    raise LookupError


@pytest.mark.parametrize("work", [ok, fails])
async def test_portals_are_used_again(work):
    async def once() -> None:
        with contextlib.suppress(LookupError):
            await greenlet_spawn(await_only, work())

    await once()
    before = living(greenlet)
    for _ in range(ROUNDS):
        await once()
    assert living(greenlet) == before
    assert len(asyncio.all_tasks()) == 1
    assert not portals._hosts


async def test_no_more_portals_are_kept_than_allowed():
    meeting = asyncio.Barrier(portals.MAX_IDLE + 50)
    before = living(greenlet)

    def arrive() -> None:
        await_only(meeting.wait())

    await asyncio.gather(*[greenlet_spawn(arrive) for _ in range(meeting.parties)])
    assert len(portals._idle.portals) == portals.MAX_IDLE
    assert living(greenlet) <= before + portals.MAX_IDLE


async def test_an_idle_portal_keeps_neither_context_nor_result_alive():
    results = []

    def work() -> Held:
        thing = Held()
        held.set(thing)
        results.append(weakref.ref(thing))
        await_only(asyncio.sleep(0))
        return thing

    await asyncio.create_task(greenlet_spawn(work))
    await asyncio.sleep(0)  # The callback that woke this one up still knows the task.
    gc.collect()
    assert results[0]() is None


async def test_an_exception_is_not_kept_alive():
    things = []

    def work() -> None:
        thing = Held()
        things.append(weakref.ref(thing))
        await_only(fails())

    with contextlib.suppress(LookupError):
        await greenlet_spawn(work)
    # No collection: nor is it part of a cycle.
    assert things[0]() is None


def test_the_portals_of_a_thread_end_with_it():
    def living_portals() -> int:
        return living(portals.Portal)

    before = living_portals()

    async def main() -> None:
        await asyncio.gather(*[greenlet_spawn(await_only, ok()) for _ in range(10)])

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    thread.join()
    # A dead thread's greenlets are freed when another switches.
    asyncio.run(main())
    assert living_portals() <= before + 10


async def test_a_thousand_websockets_leave_nothing_behind(app, client):
    @app.websocket("/ws")
    def ws():
        quart.websocket.send(quart.websocket.receive())
        await_only(asyncio.Event().wait())

    async def once() -> None:
        async with client.websocket("/ws") as websocket:
            await websocket.send("hello")
            assert await websocket.receive() == "hello"
            await websocket.disconnect()

    for _ in range(3):
        await once()
    before = living(greenlet), living(asyncio.Task), len(asyncio.all_tasks())
    for _ in range(ROUNDS):
        await once()
    assert (living(greenlet), living(asyncio.Task), len(asyncio.all_tasks())) == before
    assert not portals._hosts


@pytest.mark.parametrize("kind", ["plain", "sync", "error", "stream", "cancelled"])
async def test_a_thousand_requests_leave_nothing_behind(app, kind, monkeypatch):
    monkeypatch.setattr(connections, "LISTEN_DELAY", 0)
    contexts = Counter()

    @app.get("/plain")
    async def plain():
        await asyncio.sleep(0)
        return "plain"

    @app.get("/sync")
    def sync():
        await_only(asyncio.sleep(0))
        return "sync"

    @app.get("/error")
    def error():
        await_only(fails())

    @app.errorhandler(LookupError)
    def handle(_error):
        return "handled", 500

    @app.get("/stream")
    def stream():
        return (str(number) for number in range(3))

    @app.get("/cancelled")
    def cancelled():
        await_only(asyncio.Event().wait())

    @app.teardown_request
    def count(_error):
        contexts["closed"] += 1

    client = app.test_client()

    async def once() -> None:
        if kind != "cancelled":
            await (await client.get(f"/{kind}")).get_data()
            return
        async with client.request("/cancelled") as connection:
            await connection.send_complete()
            await asyncio.sleep(0)
            await connection.disconnect()

    for _ in range(3):
        await once()
    before = living(greenlet), living(asyncio.Task), len(asyncio.all_tasks())
    for _ in range(ROUNDS):
        await once()
    assert (living(greenlet), living(asyncio.Task), len(asyncio.all_tasks())) == before
    assert contexts["closed"] == ROUNDS + 3
    assert not portals._hosts
