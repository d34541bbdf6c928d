"""What of a response is sent: a byte too many is read as the beginning of the next answer."""

import flask
import pytest
import quart
import werkzeug.wrappers

STATUSES = [100, 101, 103, 199, 204, 304]


async def pieces():
    yield b"a"
    yield "b"


BODIES = {
    "data": lambda: quart.Response("{}", mimetype="application/json"),
    "list": lambda: quart.Response(["{", b"}"]),
    "stream": lambda: quart.Response(pieces()),
    "generator": lambda: quart.Response(piece for piece in ["{", "}"]),
    "werkzeug": lambda: werkzeug.wrappers.Response("{}"),
    "werkzeug stream": lambda: flask.Response(iter(["{", "}"])),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("kind", BODIES)
async def test_a_status_without_a_body_is_sent_without_one(app, server, kind, status):
    @app.get("/")
    def index():
        response = BODIES[kind]()
        response.headers["Transfer-Encoding"] = "chunked"
        response.headers.setdefault("Content-Length", "2")
        response.status_code = status
        return response

    await server.serve()
    assert (server.status, server.body) == (status, b"")
    assert not server.headers.keys() & {"content-length", "transfer-encoding"}
    assert (server.headers.get("connection") == "close") == (status < 200)


async def test_a_view_that_answers_204_with_an_object_sends_nothing(app, server):
    app.add_url_rule("/", view_func=lambda: ({}, 204))
    await server.serve()
    assert (server.status, server.body) == (204, b"")
    assert "content-length" not in server.headers


@pytest.mark.parametrize("kind", BODIES)
async def test_a_head_request_gets_the_headers_of_the_page_and_no_body(app, server, kind):
    app.add_url_rule("/", view_func=lambda: BODIES[kind]())
    await server.serve(method="HEAD")
    assert (server.status, server.body) == (200, b"")
    length = None if kind in ("stream", "generator", "werkzeug stream") else "2"
    assert server.headers.get("content-length") == length


async def test_a_file_is_not_sent_to_a_head_request(app, server, tmp_path):
    (tmp_path / "file.txt").write_text("content")
    app.add_url_rule("/", view_func=lambda: flask.send_file(tmp_path / "file.txt"))
    await server.serve(method="HEAD")
    assert (server.body, server.headers["content-length"]) == (b"", "7")


async def test_what_is_not_sent_is_closed(app, server):
    closed = []

    class Pieces:
        def __iter__(self):
            return self

        def __next__(self):
            return b"piece"

        def close(self):
            closed.append("pieces")

    @app.get("/")
    def index():
        response = quart.Response(Pieces())
        response.call_on_close(lambda: closed.append("response"))
        return response

    await server.serve(method="HEAD")
    assert closed == ["pieces", "response"]


@pytest.mark.parametrize("conditional", [False, True])
async def test_a_304_tells_of_no_body(app, server, conditional):
    @app.get("/")
    def index():
        response = quart.Response("text")
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Content-Language"] = "en"
        response.headers["Expires"] = "0"
        response.set_etag("tag")
        if conditional:
            return response.make_conditional(flask.request)
        response.status_code = 304
        return response

    server.request_headers.append((b"if-none-match", b'"tag"'))
    await server.serve()
    assert (server.status, server.body) == (304, b"")
    assert server.headers == {"expires": "0", "etag": '"tag"'}


async def test_the_length_of_what_is_in_memory_is_sent(app, server):
    @app.get("/")
    def index():
        response = flask.Response(["one ", "two"])
        assert response.content_length is None
        return response

    await server.serve()
    assert (server.headers["content-length"], server.body) == ("7", b"one two")


@pytest.mark.parametrize("response_class", [quart.Response, flask.Response])
async def test_an_empty_response_has_a_length_of_zero(app, server, response_class):
    app.add_url_rule("/", view_func=lambda: response_class())
    await server.serve()
    assert (server.headers["content-length"], server.body) == ("0", b"")


async def test_addresses_are_sent_as_uris(app, server):
    @app.get("/")
    def index():
        return "", 201, {"Location": "/caf\u00e9", "Content-Location": "/th\u00e9"}

    await server.serve()
    assert server.headers["location"] == "/caf%C3%A9"
    assert server.headers["content-location"] == "/th%C3%A9"


async def test_a_websocket_is_refused_without_a_body_where_there_is_none(app, client):
    @app.before_websocket
    def refuse():
        return "text", 204

    app.websocket("/ws")(lambda: None)
    with pytest.raises(quart.testing.connections.WebsocketResponseError) as caught:
        async with client.websocket("/ws") as websocket:
            await websocket.receive()
    response = caught.value.response
    assert response.status_code == 204
    assert await response.get_data() == b""
