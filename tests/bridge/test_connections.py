"""A request is handled in the server's own task, and somebody listens to the client if need be."""

import asyncio
from typing import Any

import pytest
from asgi_server import DISCONNECT, END, Server
from flask_patch import await_only, connections, greenlet_spawn
from flask_patch.waiting import within
from quart import Response, request


@pytest.fixture(autouse=True)
def listen_delay(monkeypatch) -> Any:
    """Sets how long a request waits before somebody listens; not at all, unless a test says so."""

    def set_delay(seconds: float) -> None:
        monkeypatch.setattr(connections, "LISTEN_DELAY", seconds)

    set_delay(0)
    return set_delay


async def until(condition) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it did not happen")


@pytest.fixture
def waiting(app):
    """A view that waits for ever, and what has become of it."""
    became = []

    @app.get("/wait")
    async def wait():
        became.append("waiting")
        try:
            await asyncio.Event().wait()
        finally:
            became.append("gone")

    return became


async def test_a_request_that_waits_for_nothing_makes_no_task(app, server):
    tasks = []

    @app.get("/")
    async def index():
        tasks.append((asyncio.current_task(), len(asyncio.all_tasks())))
        return "ok"

    await server.serve()
    assert (server.status, server.body) == (200, b"ok")
    assert tasks == [(asyncio.current_task(), 1)]
    assert not server.listened


async def test_data_is_sent_with_the_message_that_ends_the_response(app, server):
    app.add_url_rule("/", view_func=lambda: "ok")
    await server.serve()
    assert [message.get("more_body") for message in server.sent] == [None, False]


async def test_a_view_that_waits_is_ended_when_the_client_leaves(server, waiting):
    serving = asyncio.create_task(server.serve("/wait"))
    await until(lambda: waiting)
    server.events.put_nowait(DISCONNECT)
    await serving
    assert waiting == ["waiting", "gone"]
    assert server.sent == []
    assert serving.cancelling() == 0


async def test_a_view_may_go_on_after_the_client_has_left(app, server):
    @app.get("/")
    async def index():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return "finished"

    server.events.put_nowait(DISCONNECT)
    await server.serve()
    assert server.body in (b"", b"finished")


@pytest.mark.parametrize("left", [False, True])
async def test_a_server_that_cancels_a_request_is_told_so(server, waiting, left):
    serving = asyncio.create_task(server.serve("/wait"))
    await until(lambda: waiting)
    if left:
        # The listener hears of it before the request has ended.
        server.events.put_nowait(DISCONNECT)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert waiting == ["waiting", "gone"]


async def test_a_timeout_of_the_server_ends_a_request(server, waiting):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await server.serve("/wait")
    assert waiting == ["waiting", "gone"]
    assert asyncio.current_task().cancelling() == 0


async def test_a_fault_of_the_servers_ends_the_request_and_is_raised(server, waiting):
    server.events.put_nowait(LookupError("from the server"))
    with pytest.raises(LookupError, match="from the server"):
        await server.serve("/wait")
    assert waiting == ["waiting", "gone"]


async def test_an_error_of_a_view_is_raised_as_it_is(app, server):
    @app.get("/")
    async def index():
        await asyncio.sleep(0)
        raise LookupError("from the view")

    with pytest.raises(LookupError, match="from the view"):
        await server.serve()


async def test_nobody_listens_any_more_when_the_response_is_sent(app, server):
    @app.get("/")
    async def index():
        await asyncio.sleep(0.01)
        return "ok"

    for _ in range(10):
        await server.serve()
    assert server.listened
    await until(lambda: len(asyncio.all_tasks()) == 1)


async def test_nobody_listens_to_the_client_of_a_short_wait(app, server, listen_delay):
    @app.get("/")
    async def index():
        await asyncio.sleep(0.001)
        return str(len(asyncio.all_tasks()))

    listen_delay(60)
    await server.serve()
    assert server.body == b"1"
    assert not server.listened


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_body_of_a_get_is_listened_for_at_once(app, server, listen_delay, streamed):
    @app.get("/")
    async def index():
        if streamed:
            return b"".join([piece async for piece in request.body])
        return await request.get_data()

    listen_delay(60)
    for piece in (b"a", b"b"):
        server.events.put_nowait({"type": "http.request", "body": piece, "more_body": True})
    server.events.put_nowait(END)
    async with asyncio.timeout(10):
        await server.serve()
    assert server.body == b"ab"


async def test_a_body_arrives_piece_by_piece(app, server):
    @app.post("/")
    async def index():
        return b"|".join([piece async for piece in request.body if piece])

    serving = asyncio.create_task(server.serve(method="POST"))
    for piece in (b"a", b"b"):
        server.events.put_nowait({"type": "http.request", "body": piece, "more_body": True})
        await until(server.events.empty)
        await asyncio.sleep(0.01)
    server.events.put_nowait(END)
    await serving
    assert server.body == b"a|b"


async def test_a_view_may_call_the_app_itself(app, server):
    @app.get("/")
    async def index():
        inner = Server(app)
        inner.events.put_nowait(END)
        await inner.serve("/inner")
        return b"outer " + inner.body

    @app.get("/inner")
    async def inner():
        return b"inner" + await request.get_data()

    async with asyncio.timeout(10):
        await server.serve()
    assert server.body == b"outer inner"


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_client_that_is_gone_when_the_response_is_sent_is_no_error(app, server, streamed):
    async def stream():
        yield b"ok"

    async def send(message: Any) -> None:
        raise OSError("gone")

    @app.get("/")
    async def index():
        return stream() if streamed else "ok"

    server.send = send
    await server.serve()


async def test_an_error_of_a_stream_is_raised(app, server):
    async def stream():
        yield b"ok"
        raise OSError("from the stream")

    app.add_url_rule("/", view_func=lambda: stream())
    with pytest.raises(OSError, match="from the stream"):
        await server.serve()


async def test_a_client_that_takes_too_long_is_given_up(app, server):
    async def send(message: Any) -> None:
        await asyncio.Event().wait()

    server.send = send
    app.config["RESPONSE_TIMEOUT"] = 0.01
    app.add_url_rule("/", view_func=lambda: "ok")
    await server.serve()


async def test_sync_code_that_takes_too_long_to_send_is_given_up(app, server):
    def stream():
        yield b"begun"
        await_only(asyncio.Event().wait())

    @app.get("/stream")
    def streamed():
        return Response(stream())

    @app.get("/close")
    def closed():
        response = Response("begun")
        response.call_on_close(lambda: await_only(asyncio.Event().wait()))
        return response

    app.config["RESPONSE_TIMEOUT"] = 0.01
    async with asyncio.timeout(10):
        await server.serve("/stream")
        await server.serve("/close")
    assert server.body == b"begunbegun"


async def test_a_client_that_takes_its_time_is_waited_for(app, server):
    async def send(message: Any) -> None:
        for _ in range(3):
            await asyncio.sleep(0.001)
        server.sent.append(message)

    server.send = send
    app.add_url_rule("/", view_func=lambda: "ok")
    await server.serve()
    assert server.body == b"ok"


@pytest.mark.parametrize("in_portal", [False, True])
async def test_a_wait_within_a_time_limit(in_portal):
    run = greenlet_spawn if in_portal else (lambda function, *args: function(*args))
    assert await run(within, 1, asyncio.sleep(0, "at once")) == "at once"
    with pytest.raises(TimeoutError):
        await run(within, 0.001, asyncio.Event().wait())
    with pytest.raises(ZeroDivisionError):
        await run(within, 1, fail())


async def fail() -> None:
    await asyncio.sleep(0)
    raise ZeroDivisionError


async def test_a_response_may_have_a_time_limit_of_its_own(app, server):
    async def slow():
        await asyncio.sleep(0.02)
        yield b"late"

    @app.get("/")
    async def index():
        response = Response(slow())
        response.timeout = None
        return response

    app.config["RESPONSE_TIMEOUT"] = 0.001
    await server.serve()
    assert server.body == b"late"
