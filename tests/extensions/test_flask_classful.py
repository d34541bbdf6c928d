"""Flask-Classful: routes made of classes."""

from __future__ import annotations

import pytest
from flask import make_response, request
from flask_classful import FlaskView, method, route

from harness import Browser, Meeting, all_at_once


@pytest.mark.quart_async
async def test_methods_become_routes(app, browser, view):
    class CatsView(FlaskView):
        index = view(lambda self: "cats")
        get = view(lambda self, id: f"cat {id}")
        post = view(lambda self: ("made", 201))
        delete = view(lambda self, id: f"no {id}")

    for name in ("index", "get", "post", "delete"):
        getattr(CatsView, name).__name__ = name
    CatsView.register(app)
    assert (await browser.get("/cats/")).text == "cats"
    assert (await browser.get("/cats/3/")).text == "cat 3"
    assert (await browser.post("/cats/")).status == 201
    assert (await browser.delete("/cats/3/")).text == "no 3"


async def test_other_methods_become_routes_by_their_names(app, browser):
    class CatsView(FlaskView):
        def random(self):
            return "any cat"

        @route("/by/<colour>", methods=["GET", "POST"])
        def coloured(self, colour):
            return f"{request.method} {colour}"

        @method("POST")
        def feed(self):
            return request.form["food"]

    CatsView.register(app)
    assert (await browser.get("/cats/random/")).text == "any cat"
    assert (await browser.post("/cats/by/red")).text == "POST red"
    assert (await browser.post("/cats/feed/", form={"food": "fish"})).text == "fish"


@pytest.mark.quart
async def test_async_methods_become_routes(app, browser):
    from quart import request as quart_request

    class CatsView(FlaskView):
        async def index(self):
            return "cats"

        async def post(self):
            return (await quart_request.form)["name"], 201

        async def get(self, id):
            return {"id": id}, 200, {"X-Cat": "yes"}

    CatsView.register(app)
    assert (await browser.get("/cats/")).text == "cats"
    reply = await browser.post("/cats/", form={"name": "tom"})
    assert (reply.status, reply.text) == (201, "tom")
    assert (await browser.get("/cats/3/")).headers["X-Cat"] == "yes"


async def test_the_routes_have_a_base_and_a_prefix(app, browser):
    class CatsView(FlaskView):
        route_prefix = "/v1"
        route_base = "/kittens"

        def index(self):
            return "cats"

    CatsView.register(app)
    assert (await browser.get("/v1/kittens/")).text == "cats"


async def test_hooks_run_around_methods(app, browser):
    ran = []

    class CatsView(FlaskView):
        def before_request(self, name, **kwargs):
            ran.append(f"before {name}")

        def before_index(self):
            ran.append("before_index")

        def after_request(self, name, response):
            response.headers["X-After"] = name
            return response

        def index(self):
            return "cats"

    CatsView.register(app)
    reply = await browser.get("/cats/")
    assert (reply.text, reply.headers["X-After"]) == ("cats", "index")
    assert ran == ["before index", "before_index"]


async def test_a_hook_answers_instead(app, browser):
    class CatsView(FlaskView):
        def before_request(self, name, **kwargs):
            return make_response("closed", 503)

        def index(self):
            return "cats"

    CatsView.register(app)
    reply = await browser.get("/cats/")
    assert (reply.status, reply.text) == (503, "closed")


async def test_decorators_wrap_methods(app, browser):
    from functools import wraps

    def shout(function):
        @wraps(function)
        def loud(*args, **kwargs):
            return function(*args, **kwargs).upper()

        return loud

    class CatsView(FlaskView):
        decorators = [shout]

        def index(self):
            return "cats"

    CatsView.register(app)
    assert (await browser.get("/cats/")).text == "CATS"


async def test_representations_shape_the_answer(app, browser):
    import json

    def to_json(data, code, headers=None):
        return make_response(json.dumps(data), code, {"Content-Type": "application/json"})

    class CatsView(FlaskView):
        representations = {"application/json": to_json, "flask-classful/default": to_json}

        def index(self):
            return {"cats": ["tom"]}

    CatsView.register(app)
    assert (await browser.get("/cats/")).json == {"cats": ["tom"]}


@pytest.mark.quart
async def test_waiting_methods_overlap(app):
    meeting = Meeting(8)

    class CatsView(FlaskView):
        async def index(self):
            await meeting.join()
            return "cats"

    CatsView.register(app)
    replies = await all_at_once([Browser(app) for _ in range(8)], "/cats/")
    assert [reply.text for reply in replies] == ["cats"] * 8
