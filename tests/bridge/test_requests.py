"""What sync code reads of a request, without awaiting."""

import asyncio
import io

import flask
import pytest
import quart
from flask_patch import greenlet_spawn

FORM = {"name": "ann"}


async def test_sync_views_read_bodies_of_every_kind(app, text):
    @app.post("/form")
    def form():
        return f"{flask.request.form['name']} {flask.request.values['name']}"

    @app.post("/json")
    def json():
        return f"{flask.request.json['a']} {flask.request.get_json()['a']} {quart.request.is_json}"

    @app.post("/data")
    def data():
        return flask.request.data + flask.request.get_data() + flask.request.stream.read()

    assert await text("/form", "POST", form=FORM) == "ann ann"
    assert await text("/json", "POST", json={"a": 1}) == "1 1 True"
    assert await text("/data", "POST", data="x") == "xxx"


async def test_async_views_await_the_same_names(app, text):
    @app.post("/form")
    async def form():
        return f"{(await flask.request.form)['name']} {(await quart.request.values)['name']}"

    @app.post("/json")
    async def json():
        return f"{(await flask.request.json)['a']} {(await quart.request.get_json())['a']}"

    @app.post("/data")
    async def data():
        bodies = await asyncio.gather(*[flask.request.get_data() for _ in range(2)])
        return b"".join(bodies)

    assert await text("/form", "POST", form=FORM) == "ann ann"
    assert await text("/json", "POST", json={"a": 1}) == "1 1"
    assert await text("/data", "POST", data="x") == "xx"


async def test_an_async_view_calls_sync_code_that_reads_the_form(app, text):
    def name() -> str:
        return flask.request.form["name"]

    @app.post("/")
    async def index():
        await asyncio.sleep(0)
        return name()

    assert await text("/", "POST", form=FORM) == "ann"


async def test_a_hook_that_is_a_lambda_reads_the_form(app, text):
    app.before_request(lambda: flask.request.form["name"] if flask.request.form else None)
    app.add_url_rule("/", view_func=lambda: flask.request.args["a"])
    app.add_url_rule("/", "post", view_func=lambda: "unreached", methods=["POST"])
    assert await text("/?a=1") == "1"
    assert await text("/", "POST", form=FORM) == "ann"


async def test_a_lambda_in_an_async_view_belongs_to_it(app, text):
    @app.post("/")
    async def index():
        get = lambda: flask.request.get_json()  # noqa: E731  (the lambda is the point)
        return str((await get())["a"])

    assert await text("/", "POST", json={"a": 1}) == "1"


async def test_a_late_body_is_waited_for(app, client):
    @app.post("/")
    def index():
        return flask.request.form["name"]

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with client.request("/", method="POST", headers=headers) as connection:
        await connection.send(b"na")
        await asyncio.sleep(0.01)
        await connection.send(b"me=ann")
        await connection.send_complete()
    response = await connection.as_response()
    assert await response.get_data() == b"ann"


async def test_a_body_is_not_read_before_the_view_asks(app, client):
    order = []

    @app.before_request
    def hook():
        order.append("hook")

    @app.post("/")
    async def index():
        order.append("view")
        async for chunk in quart.request.body:
            order.append(chunk)
        return "ok"

    async with client.request("/", method="POST") as connection:
        await asyncio.sleep(0.01)
        assert order == ["hook", "view"]
        await connection.send(b"first")
        await asyncio.sleep(0.01)
        assert order[:3] == ["hook", "view", b"first"]
        await connection.send_complete()
    assert order[:3] == ["hook", "view", b"first"]


@pytest.mark.parametrize("path", ["/sync", "/async"])
async def test_a_body_over_the_limit_is_413(app, client, path):
    app.config["MAX_CONTENT_LENGTH"] = 10

    @app.post("/sync")
    def sync():
        return flask.request.form["name"]

    @app.post("/async")
    async def asynchronous():
        return (await quart.request.form)["name"]

    response = await client.post(path, form={"name": "n" * 100})
    assert response.status_code == 413


async def test_uploads_are_saved_by_sync_and_by_async_views(app, text, tmp_path):
    @app.post("/sync")
    def sync():
        flask.request.files["file"].save(tmp_path / "sync")
        return flask.request.files["file"].filename

    @app.post("/buffer")
    def buffer():
        target = io.BytesIO()
        flask.request.files["file"].save(target)
        return target.getvalue()

    @app.post("/async")
    async def asynchronous():
        await (await quart.request.files)["file"].save(tmp_path / "async")
        return "saved"

    def upload():
        return {"file": quart.datastructures.FileStorage(io.BytesIO(b"content"), "name.txt")}

    assert await text("/sync", "POST", files=upload()) == "name.txt"
    assert (tmp_path / "sync").read_bytes() == b"content"
    assert await text("/buffer", "POST", files=upload()) == "content"
    assert await text("/async", "POST", files=upload()) == "saved"
    assert (tmp_path / "async").read_bytes() == b"content"


async def test_the_wsgi_environment_tells_of_the_request(app, text):
    @app.post("/page")
    def page():
        environ = flask.request.environ
        assert environ is flask.request.environ
        assert environ["werkzeug.request"] is flask.request._get_current_object()
        return " ".join(
            environ[name]
            for name in (
                "REQUEST_METHOD",
                "PATH_INFO",
                "QUERY_STRING",
                "HTTP_X_NAME",
                "CONTENT_TYPE",
            )
        )

    headers = {"X-Name": "ann", "Content-Type": "text/plain"}
    assert await text("/page?a=1", "POST", headers=headers) == "POST /page a=1 ann text/plain"


async def test_the_app_logs_from_a_request(app, client, capsys):
    @app.get("/")
    def index():
        app.logger.error("something")
        return "ok"

    assert (await client.get("/")).status_code == 200


async def test_a_parsed_form_needs_no_portal(app):
    def read() -> str:
        return flask.request.form["name"]

    async with app.test_request_context("/", method="POST", form=FORM):
        await quart.request.form
        assert read() == "ann"


async def test_a_body_that_is_late_says_what_to_do_where_nothing_can_wait(app):
    def read() -> str:
        return flask.request.form["name"]

    async with app.test_request_context("/", method="POST") as ctx:
        ctx.request.body = ctx.request.body_class(None, None)
        ctx.request.headers["Content-Type"] = "application/x-www-form-urlencoded"
        with pytest.raises(RuntimeError, match="greenlet_spawn"):
            read()


async def test_a_sync_websocket_view_talks(app, client):
    @app.websocket("/ws")
    def ws():
        quart.websocket.send(quart.websocket.receive().upper())

    async with client.websocket("/ws") as websocket:
        await websocket.send("hello")
        assert await websocket.receive() == "HELLO"


async def test_worker_threads_wait_for_the_event_loop_of_their_request(app, text):
    @app.post("/")
    async def index():
        return await quart.utils.run_sync(lambda: read())()

    def read() -> str:
        return flask.request.form["name"] + flask.render_template_string("{{ 1 + 1 }}")

    assert await text("/", "POST", form=FORM) == "ann2"


async def test_a_thread_without_the_context_waits_too(app, text):
    from concurrent.futures import ThreadPoolExecutor

    from flask_patch import await_only

    async def answer() -> str:
        await asyncio.sleep(0)
        return "answer"

    @app.get("/")
    async def index():
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as pool:
            return await loop.run_in_executor(pool, lambda: await_only(answer()))

    assert await text("/") == "answer"


async def test_the_current_loop_serves_the_threads_that_quart_starts():
    def loops() -> bool:
        from flask_patch.portals import serving_loop

        return serving_loop() is loop

    loop = asyncio.get_running_loop()
    assert await greenlet_spawn(lambda: quart.utils.run_sync(loops)())


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_websocket_has_the_body_of_the_request_it_began_as(app, client, kind):
    def read() -> dict[str, object]:
        request = flask.request
        return {
            "form": request.form.get("username", "none"),
            "files": list(request.files),
            "values": request.values["a"],
            "data": len(request.data) + len(request.get_data()) + len(request.stream.read()),
            "text": request.get_data(as_text=True),
            "json": request.get_json(silent=True) or request.json,
        }

    @app.websocket("/ws")
    async def ws():
        if kind == "sync":
            found = read()
        else:
            request = flask.request
            found = {
                "form": (await request.form).get("username", "none"),
                "files": list(await request.files),
                "values": (await request.values)["a"],
                "data": len(await request.data) + len(await request.get_data()),
                "text": await request.get_data(as_text=True),
                "json": await request.get_json(silent=True) or await request.json,
            }
        await quart.websocket.send_json(found)

    async with client.websocket("/ws?a=1") as websocket:
        assert await websocket.receive_json() == {
            "form": "none",
            "files": [],
            "values": "1",
            "data": 0,
            "text": "",
            "json": None,
        }
