"""Flask-Compress: whole responses and streams, by what the client accepts."""

from __future__ import annotations

import gzip
import sys
import zlib

import brotli
import pytest
from flask import Response, jsonify, send_file
from flask_compress import Compress

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = "all work and no play makes Jack a dull boy. " * 100
UNPACK = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": zstd.decompress,
}


@pytest.fixture(autouse=True)
def compress(app):
    return Compress(app)


def accept(coding: str) -> dict[str, dict[str, str]]:
    return {"headers": {"Accept-Encoding": coding}}


@pytest.mark.parametrize("coding", UNPACK)
async def test_a_page_is_packed(app, browser, view, coding):
    @app.route("/")
    @view
    def index():
        return TEXT

    reply = await browser.get("/", **accept(coding))
    assert reply.headers["Content-Encoding"] == coding
    assert int(reply.headers["Content-Length"]) == len(reply.body) < len(TEXT)
    assert UNPACK[coding](reply.body).decode() == TEXT


async def test_a_client_that_accepts_nothing_gets_plain_text(app, browser, view):
    @app.route("/")
    @view
    def index():
        return TEXT

    reply = await browser.get("/")
    assert "Content-Encoding" not in reply.headers
    assert "Accept-Encoding" in reply.headers["Vary"]
    assert reply.text == TEXT


async def test_json_is_packed(app, browser, view):
    @app.route("/")
    @view
    def index():
        return jsonify(text=TEXT)

    reply = await browser.get("/", **accept("gzip"))
    assert TEXT in gzip.decompress(reply.body).decode()


async def test_small_and_odd_responses_stay_as_they_are(app, browser, view):
    @app.route("/small")
    @view
    def small():
        return "small"

    @app.route("/image")
    @view
    def image():
        return Response(TEXT, mimetype="image/png")

    @app.route("/error")
    @view
    def error():
        return TEXT, 404

    for path in ("/small", "/image", "/error"):
        assert "Content-Encoding" not in (await browser.get(path, **accept("gzip"))).headers


async def test_a_sync_stream_is_packed(app, browser):
    @app.route("/")
    def index():
        return Response((TEXT for _ in range(3)), mimetype="text/plain")

    reply = await browser.get("/", **accept("br"))
    assert reply.headers["Content-Encoding"] == "br"
    assert brotli.decompress(reply.body).decode() == TEXT * 3


@pytest.mark.quart
async def test_an_async_stream_is_packed(app, browser):
    import asyncio

    @app.route("/")
    async def index():
        async def parts():
            for _ in range(3):
                await asyncio.sleep(0)
                yield TEXT

        return app.response_class(parts(), mimetype="text/plain")

    reply = await browser.get("/", **accept("deflate"))
    assert reply.headers["Content-Encoding"] == "deflate"
    assert zlib.decompress(reply.body).decode() == TEXT * 3


@pytest.mark.filterwarnings("ignore:unclosed file")  # left to the garbage collector
async def test_a_file_is_packed(app, browser, view, tmp_path):
    (tmp_path / "page.txt").write_text(TEXT)

    @app.route("/")
    @view
    def index():
        return send_file(tmp_path / "page.txt")

    reply = await browser.get("/", **accept("br"))
    assert reply.headers["Content-Encoding"] == "br"
    assert brotli.decompress(reply.body).decode() == TEXT


@pytest.mark.quart
async def test_a_file_sent_by_quart_is_packed(app, browser, tmp_path):
    from quart import send_file as quart_send_file

    (tmp_path / "page.txt").write_text(TEXT)

    @app.route("/")
    async def index():
        return await quart_send_file(tmp_path / "page.txt")

    assert brotli.decompress((await browser.get("/", **accept("br"))).body).decode() == TEXT


@pytest.mark.quart_async
async def test_one_view_is_packed(browser, view):
    from harness import App, Browser

    app = App("one")
    app.config["COMPRESS_REGISTER"] = False
    compress = Compress(app)
    app.add_url_rule("/packed", "packed", compress.compressed()(view(lambda: TEXT)))
    app.add_url_rule("/plain", "plain", view(lambda: TEXT))
    browser = Browser(app)
    packed = await browser.get("/packed", **accept("gzip"))
    assert gzip.decompress(packed.body).decode() == TEXT
    assert (await browser.get("/plain", **accept("gzip"))).text == TEXT


async def test_the_etag_names_the_coding(app, browser, view):
    @app.route("/")
    @view
    def index():
        response = Response(TEXT)
        response.set_etag("v1")
        return response

    reply = await browser.get("/", **accept("gzip"))
    assert reply.headers["ETag"] == '"v1:gzip"'
    again = await browser.get(
        "/", headers={"Accept-Encoding": "gzip", "If-None-Match": '"v1:gzip"'}
    )
    assert again.status == 304
