"""Flask-RESTful: resources, parsing, marshalling, errors."""

from __future__ import annotations

from functools import wraps

import pytest
from flask import current_app, request
from flask_restful import Api, Resource, abort, fields, marshal_with, reqparse

from harness import Browser, Meeting, all_at_once


@pytest.fixture
def view(view):
    """An async method as Flask-RESTful, which calls methods itself, wants it."""

    def called(method):
        @wraps(method)
        def call(*args, **kwargs):
            return current_app.ensure_sync(method)(*args, **kwargs)

        return call

    return lambda function: called(view(function))


@pytest.fixture
def api(app):
    return Api(app)


async def test_a_resource_answers_in_json(api, browser, view):
    @api.resource("/items/<int:id>")
    class Item(Resource):
        get = view(lambda self, id: {"id": id})

    reply = await browser.get("/items/7")
    assert (reply.json, reply.headers["Content-Type"]) == ({"id": 7}, "application/json")


async def test_methods_are_dispatched(api, browser, view):
    def save(self):
        return {"saved": request.json}, 201, {"X-Saved": "yes"}

    class Item(Resource):
        get = view(lambda self: "got")
        put = view(save)
        delete = view(lambda self: ("", 204))

    api.add_resource(Item, "/item")
    assert (await browser.get("/item")).json == "got"
    reply = await browser.put("/item", json={"a": 1})
    assert (reply.status, reply.json, reply.headers["X-Saved"]) == (201, {"saved": {"a": 1}}, "yes")
    assert (await browser.delete("/item")).status == 204
    assert (await browser.post("/item")).status == 405


async def test_a_resource_reads_its_form(api, browser, view):
    def name(self):
        return {"name": request.form["name"]}

    @api.resource("/")
    class Item(Resource):
        post = view(name)

    assert (await browser.post("/", form={"name": "ann"})).json == {"name": "ann"}


@pytest.mark.quart
async def test_an_async_method_needs_no_adapter(api, browser):
    from quart import request as quart_request

    @api.resource("/")
    class Item(Resource):
        async def post(self):
            return {"got": await quart_request.get_json()}

    assert (await browser.post("/", json={"a": 1})).json == {"got": {"a": 1}}


async def test_arguments_are_parsed_from_the_query_and_the_form(api, browser, view):
    parser = reqparse.RequestParser()
    parser.add_argument("rate", type=int, required=True, location=("form", "args"))

    @api.resource("/")
    class Item(Resource):
        get = view(lambda self: parser.parse_args())
        post = view(lambda self: parser.parse_args())

    assert (await browser.get("/?rate=5")).json == {"rate": 5}
    assert (await browser.post("/", form={"rate": "6"})).json == {"rate": 6}
    reply = await browser.get("/?rate=x")
    assert reply.status == 400
    assert "rate" in reply.json["message"]


async def test_arguments_are_parsed_from_json(api, browser, view):
    parser = reqparse.RequestParser(bundle_errors=True)
    parser.add_argument("name", required=True, location="json")
    parser.add_argument("tags", action="append", location="json")

    @api.resource("/")
    class Item(Resource):
        post = view(lambda self: parser.parse_args())

    reply = await browser.post("/", json={"name": "ann", "tags": ["a", "b"]})
    assert reply.json == {"name": "ann", "tags": ["a", "b"]}
    assert (await browser.post("/", json={})).status == 400


async def test_results_are_marshalled(api, browser, view):
    shape = {
        "id": fields.Integer,
        "link": fields.Url("item"),
        "name": fields.String(default="none"),
    }

    class Item(Resource):
        get = marshal_with(shape)(view(lambda self, id: {"id": id, "hidden": True}))

    api.add_resource(Item, "/items/<int:id>", endpoint="item")
    reply = await browser.get("/items/3")
    assert reply.json == {"id": 3, "link": "/items/3", "name": "none"}


async def test_abort_answers_in_json(api, browser, view):
    @api.resource("/")
    class Item(Resource):
        get = view(lambda self: abort(404, message="no such item"))

    reply = await browser.get("/")
    assert (reply.status, reply.json) == (404, {"message": "no such item"})


async def test_an_unknown_path_is_404_in_json_below_the_api(app, browser, view):
    api = Api(app, prefix="/api", catch_all_404s=True)

    @api.resource("/item")
    class Item(Resource):
        get = view(lambda self: "got")

    assert (await browser.get("/api/item")).json == "got"
    reply = await browser.get("/api/nothing")
    assert reply.status == 404
    assert "message" in reply.json


async def test_own_errors_have_their_answers(app, browser, view):
    class Conflict(Exception):
        pass

    app.testing = app.config["PROPAGATE_EXCEPTIONS"] = False
    api = Api(app, errors={"Conflict": {"message": "taken", "status": 409}})

    def fail(self):
        raise Conflict

    @api.resource("/")
    class Item(Resource):
        get = view(fail)

    reply = await browser.get("/")
    assert (reply.status, reply.json) == (409, {"message": "taken", "status": 409})


async def test_other_errors_stay_the_apps_own(app, api, browser, view):
    @app.route("/page")
    @view
    def page():
        return "page"

    @app.errorhandler(404)
    @view
    def missing(error):
        return "own page", 404

    assert (await browser.get("/page")).text == "page"
    reply = await browser.get("/nowhere")
    assert (reply.status, reply.text) == (404, "own page")


async def test_a_representation_is_chosen_by_accept(api, browser, view):
    from flask import make_response

    @api.representation("text/csv")
    def csv(data, code, headers=None):
        return make_response(",".join(data), code, headers or {})

    @api.resource("/")
    class Item(Resource):
        get = view(lambda self: ["a", "b"])

    reply = await browser.get("/", headers={"Accept": "text/csv"})
    assert (reply.text, reply.headers["Content-Type"]) == ("a,b", "text/csv")
    assert (await browser.get("/", headers={"Accept": "application/json"})).json == ["a", "b"]


async def test_method_decorators_wrap_each_method(api, browser, view):
    from flask_restful import abort

    def guarded(function):
        def check(*args, **kwargs):
            if request.headers.get("X-Key") != "open":
                abort(401)
            return function(*args, **kwargs)

        return check

    @api.resource("/")
    class Item(Resource):
        method_decorators = [guarded]
        get = view(lambda self: "got")

    assert (await browser.get("/")).status == 401
    assert (await browser.get("/", headers={"X-Key": "open"})).json == "got"


async def test_a_blueprint_carries_an_api(app, browser, view):
    from flask import Blueprint

    bp = Blueprint("v1", "v1", url_prefix="/v1")
    api = Api(bp)

    @api.resource("/item")
    class Item(Resource):
        get = view(lambda self: {"version": 1})

    app.register_blueprint(bp)
    assert (await browser.get("/v1/item")).json == {"version": 1}


@pytest.mark.quart
async def test_waiting_async_methods_overlap(app, api):
    meeting = Meeting(8)

    @api.resource("/")
    class Item(Resource):
        async def get(self):
            await meeting.join()
            return {"ok": True}

    replies = await all_at_once([Browser(app) for _ in range(8)], "/")
    assert [reply.json for reply in replies] == [{"ok": True}] * 8
