"""Flask-SocketIO: what serves in its place, as it takes the WSGI server over."""

from __future__ import annotations

import asyncio

import flask_socketio
import pytest
import socketio

pytestmark = pytest.mark.quart


def test_flask_socketio_itself_finds_no_wsgi_server_to_take_over(app):
    with pytest.raises(AttributeError, match="wsgi_app"):
        flask_socketio.SocketIO(app, async_mode="threading")


async def test_quarts_own_websockets_echo(app, browser):
    from quart import websocket

    @app.websocket("/ws")
    async def echo():
        while True:
            await websocket.send(f"echo {await websocket.receive()}")

    async with browser.client.websocket("/ws") as connection:
        await connection.send("hi")
        assert await connection.receive() == "echo hi"


async def test_events_are_broadcast_to_all_websockets(app):
    from quart import websocket

    from harness import Browser

    listeners, connected = set(), asyncio.Event()

    @app.websocket("/ws")
    async def listen():
        queue = asyncio.Queue()
        listeners.add(queue)
        if len(listeners) == 3:
            connected.set()
        await websocket.send(await queue.get())

    async def visit():
        async with Browser(app).client.websocket("/ws") as connection:
            return await connection.receive()

    visits = [asyncio.create_task(visit()) for _ in range(3)]
    await connected.wait()
    for queue in listeners:
        queue.put_nowait("news")
    assert await asyncio.gather(*visits) == ["news"] * 3


async def test_python_socketio_serves_events_in_front_of_the_app(app):
    import httpx

    server = socketio.AsyncServer(async_mode="asgi")
    heard = []

    @server.event
    async def greet(sid, data):
        heard.append(data)
        return f"hello {data}"

    @app.route("/page")
    async def page():
        return "page"

    asgi = socketio.ASGIApp(server, app)
    transport = httpx.ASGITransport(asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/page")).text == "page"
        path = "/socket.io/?EIO=4&transport=polling"
        opened = (await client.get(path)).text
        sid = opened.partition('"sid":"')[2].partition('"')[0]
        path += f"&sid={sid}"
        await client.post(path, content="40")
        assert (await client.get(path)).text.startswith("40")
        await client.post(path, content='421["greet","Ann"]')
        assert (await client.get(path)).text == '431["hello Ann"]'
    assert heard == ["Ann"]
    await server.shutdown()
