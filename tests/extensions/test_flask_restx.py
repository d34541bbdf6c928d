"""Flask-RESTX: namespaces, models, validation, Swagger documents."""

from __future__ import annotations

from functools import wraps

import pytest
from flask import current_app, request
from flask_restx import Api, Namespace, Resource, abort, fields

from harness import Browser, Meeting, all_at_once


@pytest.fixture
def view(view):
    """An async method as Flask-RESTX, which calls methods itself, wants it."""

    def called(method):
        @wraps(method)
        def call(*args, **kwargs):
            return current_app.ensure_sync(method)(*args, **kwargs)

        return call

    return lambda function: called(view(function))


@pytest.fixture
def api(app):
    return Api(app, title="Shop", version="1.2", doc="/docs/")


async def test_a_resource_answers_in_json(api, browser, view):
    @api.route("/items/<int:id>")
    class Item(Resource):
        get = view(lambda self, id: {"id": id})

    assert (await browser.get("/items/7")).json == {"id": 7}


async def test_methods_are_dispatched(api, browser, view):
    def make(self):
        return request.json, 201, {"X-Made": "yes"}

    @api.route("/item")
    class Item(Resource):
        get = view(lambda self: "got")
        post = view(make)

    assert (await browser.get("/item")).json == "got"
    reply = await browser.post("/item", json={"a": 1})
    assert (reply.status, reply.json, reply.headers["X-Made"]) == (201, {"a": 1}, "yes")
    assert (await browser.delete("/item")).status == 405


async def test_a_namespace_has_its_path(api, browser, view):
    cats = Namespace("cats", path="/pets/cats")

    @cats.route("/<name>")
    class Cat(Resource):
        get = view(lambda self, name: {"cat": name})

    api.add_namespace(cats)
    assert (await browser.get("/pets/cats/tom")).json == {"cat": "tom"}


async def test_the_payload_is_validated(api, browser, view):
    cat = api.model("Cat", {"name": fields.String(required=True), "age": fields.Integer(min=0)})

    @api.route("/cats")
    class Cats(Resource):
        post = api.expect(cat, validate=True)(view(lambda self: {"got": api.payload["name"]}))

    assert (await browser.post("/cats", json={"name": "tom", "age": 3})).json == {"got": "tom"}
    reply = await browser.post("/cats", json={"age": -1})
    assert reply.status == 400
    assert set(reply.json["errors"]) == {"name", "age"}


async def test_results_are_marshalled(api, browser, view):
    cat = api.model("Cat", {"name": fields.String, "kind": fields.String(default="cat")})

    @api.route("/cats")
    class Cats(Resource):
        get = api.marshal_list_with(cat)(view(lambda self: [{"name": "tom", "secret": 1}]))

    assert (await browser.get("/cats")).json == [{"name": "tom", "kind": "cat"}]


async def test_arguments_are_parsed(api, browser, view):
    parser = api.parser()
    parser.add_argument("page", type=int, default=1, location="args")
    parser.add_argument("name", location="form")

    @api.route("/")
    class Item(Resource):
        post = api.expect(parser)(view(lambda self: parser.parse_args()))

    reply = await browser.post("/?page=3", form={"name": "ann"})
    assert reply.json == {"page": 3, "name": "ann"}
    assert (await browser.post("/?page=x", form={})).status == 400


async def test_abort_answers_in_json(api, browser, view):
    @api.route("/gone")
    class Gone(Resource):
        get = view(lambda self: abort(410, "gone", since="monday"))

    reply = await browser.get("/gone")
    assert (reply.status, reply.json) == (410, {"message": "gone", "since": "monday"})


async def test_an_error_handler_answers(api, browser, view):
    class Conflict(Exception):
        pass

    @api.errorhandler(Conflict)
    def conflict(error):
        return {"message": str(error)}, 409

    def fail(self):
        raise Conflict("taken")

    @api.route("/taken")
    class Item(Resource):
        get = view(fail)

    reply = await browser.get("/taken")
    assert (reply.status, reply.json) == (409, {"message": "taken"})


async def test_the_document_describes_the_api(api, browser, view):
    cat = api.model("Cat", {"name": fields.String(required=True)})

    @api.route("/cats")
    class Cats(Resource):
        post = api.expect(cat)(api.doc(description="Add a cat")(view(lambda self: {})))

    document = (await browser.get("/swagger.json")).json
    assert document["info"] == {"title": "Shop", "version": "1.2"}
    assert document["paths"]["/cats"]["post"]["description"] == "Add a cat"
    assert document["definitions"]["Cat"]["required"] == ["name"]


async def test_the_document_is_shown_as_a_page(api, browser):
    page = await browser.get("/docs/")
    assert page.status == 200
    assert "<title>Shop</title>" in page.text
    assert "/swagger.json" in page.text


async def test_the_page_finds_its_files(api, browser):
    assert (await browser.get("/swaggerui/swagger-ui.css")).status == 200


async def test_a_blueprint_carries_an_api(app, browser, view):
    from flask import Blueprint

    bp = Blueprint("v1", "v1", url_prefix="/v1")
    api = Api(bp)

    @api.route("/item")
    class Item(Resource):
        get = view(lambda self: {"version": 1})

    app.register_blueprint(bp)
    assert (await browser.get("/v1/item")).json == {"version": 1}
    assert "/item" in (await browser.get("/v1/swagger.json")).json["paths"]


async def test_a_field_mask_narrows_the_answer(api, browser):
    cat = api.model("Cat", {"name": fields.String, "age": fields.Integer})

    @api.route("/cat")
    class Cat(Resource):
        get = api.marshal_with(cat)(lambda self: {"name": "tom", "age": 3})

    assert (await browser.get("/cat", headers={"X-Fields": "{age}"})).json == {"age": 3}


@pytest.mark.quart
async def test_waiting_async_methods_overlap(app, api):
    meeting = Meeting(8)

    @api.route("/meet")
    class Meet(Resource):
        async def get(self):
            await meeting.join()
            return {"ok": True}

    replies = await all_at_once([Browser(app) for _ in range(8)], "/meet")
    assert [reply.json for reply in replies] == [{"ok": True}] * 8
