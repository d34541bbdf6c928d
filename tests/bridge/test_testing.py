"""Flask's test client tests a Quart app, in sync tests and in async ones."""

import io

import flask
import flask.testing
import flask_login
import pytest
import quart
from flask_patch import await_only, greenlet_spawn


@pytest.fixture(autouse=True)
def client_class(app):
    app.test_client_class = flask.testing.FlaskClient
    app.config["PROPAGATE_EXCEPTIONS"] = None
    app.testing = True


@pytest.fixture
def pages(app):
    @app.post("/form")
    async def form():
        form, files = await quart.request.form, await quart.request.files
        return f"{form['name']} {files['file'].read().decode()}"

    @app.post("/json")
    def json():
        return {"got": flask.request.get_json(), "length": flask.request.content_length}

    @app.get("/session")
    def session():
        flask.g.word = "kept"
        flask.session["count"] = flask.session.get("count", 0) + 1
        return str(flask.session["count"])

    @app.get("/redirect")
    def redirect():
        return flask.redirect("/session")

    @app.get("/environ")
    def environ():
        environ = flask.request.environ
        return f"{environ['REMOTE_USER']} {flask.request.remote_addr} {flask.request.url}"

    @app.get("/fail")
    def fail():
        raise LookupError("from the view")


def test_a_sync_test_reads_the_answer_as_on_flask(client, pages):
    response = client.post("/form", data={"name": "ann", "file": (io.BytesIO(b"text"), "a.txt")})
    assert (response.status_code, response.data, response.text) == (200, b"ann text", "ann text")
    response = client.post("/json", json={"a": 1})
    assert response.json == response.get_json() == {"got": {"a": 1}, "length": 8}
    response = client.get("/redirect", follow_redirects=True)
    assert (response.request.path, len(response.history)) == ("/session", 1)


def test_a_redirect_that_keeps_the_method_keeps_the_body(app, client):
    app.post("/from")(lambda: flask.redirect("/to", 308))
    app.post("/to", endpoint="to")(lambda: flask.request.form["name"])
    assert client.post("/from", data={"name": "ann"}, follow_redirects=True).text == "ann"


def test_a_sync_test_has_the_session_and_what_the_request_has_left(client, pages):
    with client:
        assert client.get("/session").text == "1"
        assert flask.session["count"] == 1
        assert flask.g.word == "kept"
        assert flask.request.path == "/session"
    assert not flask.request
    with client.session_transaction() as session:
        session["count"] = 41
    assert client.get("/session").text == "42"
    assert client.get_cookie("session") is not None
    client.delete_cookie("session")
    assert client.get("/session").text == "1"


def test_a_test_leaves_its_app_context_while_it_keeps_a_request(app, client, pages):
    with client:
        with app.app_context():
            assert client.get("/session").text == "1"
            assert flask.request.path == "/session"
            assert flask.current_app.name == "app"
        assert client.get("/session").text == "2"
    assert not flask.has_app_context()


def test_a_sync_test_says_what_the_environment_is(client, pages):
    options = {"REMOTE_USER": "ann", "REMOTE_ADDR": "10.0.0.1"}
    response = client.get("/environ", base_url="https://example.org", environ_base=options)
    assert response.text == "ann 10.0.0.1 https://example.org/environ"


def test_an_error_of_the_app_reaches_a_sync_test(client, pages):
    with pytest.raises(LookupError, match="from the view"):
        client.get("/fail")


async def test_an_async_test_awaits_the_same_client(client, pages):
    response = await client.post("/json", json={"a": 1})
    assert (await response.get_json())["got"] == {"a": 1}
    async with client.session_transaction() as session:
        session["count"] = 1
    response = await client.get("/redirect", follow_redirects=True)
    assert await response.get_data() == b"2"


async def test_sync_code_of_an_async_test_waits_for_the_client(client, pages):
    assert await greenlet_spawn(lambda: client.get("/session").text) == "1"


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_flask_logins_client_is_logged_in(app, kind):
    manager = flask_login.LoginManager(app)

    class User(flask_login.UserMixin):
        id = "ann"

    manager.user_loader(lambda user_id: User())
    app.add_url_rule("/", view_func=flask_login.login_required(lambda: "inside"))
    app.test_client_class = flask_login.FlaskLoginClient

    def sync() -> bytes:
        return app.test_client(user=User()).get("/").data

    if kind == "sync":
        assert await greenlet_spawn(sync) == b"inside"
    else:
        client = app.test_client(user=User())
        assert await (await client.get("/")).get_data() == b"inside"
    assert (await app.test_client().get("/")).status_code == 401


def test_a_request_context_takes_flasks_arguments(app):
    options = {"data": {"name": "ann"}, "method": "POST", "query_string": "a=1"}
    with app.test_request_context("/page", base_url="https://example.org/", **options):
        assert flask.request.form["name"] == "ann"
        assert flask.request.args["a"] == "1"
        assert flask.request.url == "https://example.org/page?a=1"


def test_a_request_context_is_made_of_an_environment(app):
    builder = flask.testing.EnvironBuilder(app, "/page?a=1", method="POST", json={"a": 1})
    with app.request_context(builder.get_environ()):
        assert (flask.request.path, flask.request.get_json()) == ("/page", {"a": 1})


BODIES = [{"form": {"name": "ann"}}, {"json": {"a": 1}}, {"data": b"text"}]


@pytest.mark.parametrize("body", BODIES)
async def test_quarts_client_says_how_long_a_body_is(app, body):
    app.test_client_class = quart.Quart.test_client_class

    @app.post("/")
    async def index():
        data = await quart.request.get_data()
        assert quart.request.content_length == len(data) > 0
        return str(quart.request.content_length)

    @app.get("/")
    async def empty():
        return str(quart.request.content_length)

    client = app.test_client()
    assert (await client.post("/", **body)).status_code == 200
    assert await (await client.get("/")).get_data() == b"None"
    response = await client.post("/", headers={"Content-Length": "4"}, data=b"text")
    assert await response.get_data() == b"4"
    with app.test_request_context("/", method="POST", **body):
        assert flask.request.content_length == len(await_only(quart.request.get_data()))


async def test_a_test_may_lie_about_the_length_of_a_body(app):
    app.test_client_class = quart.Quart.test_client_class
    app.post("/")(lambda: str(flask.request.content_length))
    response = await app.test_client().post("/", headers={"Content-Length": "9"}, data=b"text")
    assert await response.get_data() == b"9"
