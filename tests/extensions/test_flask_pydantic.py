"""Flask-Pydantic: models in and out of views."""

import pytest
from flask_pydantic import ValidationError, validate
from pydantic import BaseModel


class Query(BaseModel):
    age: int
    name: str = "nobody"


class Person(BaseModel):
    name: str
    age: int | None = None


async def test_a_query_becomes_a_model(app, browser, view):
    @app.route("/")
    @validate()
    @view
    def index(query: Query):
        return Person(name=query.name, age=query.age)

    assert (await browser.get("/?age=20&name=ann")).json == {"name": "ann", "age": 20}
    assert (await browser.get("/?age=20")).json == {"name": "nobody", "age": 20}


async def test_a_bad_query_is_refused(app, browser, view):
    ran = []

    @app.route("/")
    @validate()
    @view
    def index(query: Query):
        ran.append(True)
        return "reached"

    reply = await browser.get("/?age=old")
    assert reply.status == 400
    assert reply.json["validation_error"]["query_params"][0]["loc"] == ["age"]
    assert ran == []


async def test_a_json_body_becomes_a_model(app, browser, view):
    @app.route("/", methods=["POST"])
    @validate()
    @view
    def index(body: Person):
        return body

    assert (await browser.post("/", json={"name": "ann", "age": 3})).json == {
        "name": "ann",
        "age": 3,
    }
    reply = await browser.post("/", json={"age": 3})
    assert (reply.status, list(reply.json["validation_error"])) == (400, ["body_params"])


async def test_a_form_becomes_a_model(app, browser, view):
    @app.route("/", methods=["POST"])
    @validate()
    @view
    def index(form: Person):
        return form

    assert (await browser.post("/", form={"name": "ann"})).json == {"name": "ann", "age": None}
    assert (await browser.post("/", form={"age": "3"})).status == 400


async def test_a_path_is_checked(app, browser, view):
    @app.route("/<id>")
    @validate()
    @view
    def index(id: int):
        return Person(name=type(id).__name__, age=id)

    assert (await browser.get("/3")).json == {"name": "int", "age": 3}
    assert (await browser.get("/x")).status == 400


async def test_query_and_body_together(app, browser, view):
    @app.route("/", methods=["POST"])
    @validate()
    @view
    def index(query: Query, body: Person):
        return Person(name=body.name, age=query.age)

    assert (await browser.post("/?age=9", json={"name": "ann"})).json == {"name": "ann", "age": 9}


async def test_the_answer_has_its_status(app, browser, view):
    @app.route("/made")
    @validate(on_success_status=201)
    @view
    def made():
        return Person(name="ann")

    @app.route("/own")
    @validate()
    @view
    def own():
        return Person(name="ann"), 202, {"X-Made": "yes"}

    assert (await browser.get("/made")).status == 201
    reply = await browser.get("/own")
    assert (reply.status, reply.headers["X-Made"]) == (202, "yes")


async def test_empty_fields_are_left_out_when_asked_for(app, browser, view):
    @app.route("/")
    @validate(exclude_none=True)
    @view
    def index():
        return Person(name="ann")

    assert (await browser.get("/")).json == {"name": "ann"}


async def test_many_models_are_answered(app, browser, view):
    @app.route("/")
    @validate(response_many=True)
    @view
    def index():
        return [Person(name="ann"), Person(name="bob")]

    assert [each["name"] for each in (await browser.get("/")).json] == ["ann", "bob"]


async def test_an_error_handler_answers(app, browser, view):
    app.config["FLASK_PYDANTIC_VALIDATION_ERROR_RAISE"] = True

    @app.errorhandler(ValidationError)
    @view
    def refuse(error):
        return {"fields": [each["loc"] for each in error.query_params]}, 418

    @app.route("/")
    @validate()
    @view
    def index(query: Query):
        return "reached"

    reply = await browser.get("/")
    assert (reply.status, reply.json) == (418, {"fields": [["age"]]})


@pytest.mark.quart
async def test_waiting_views_overlap(app):
    from harness import Browser, Meeting, all_at_once

    meeting = Meeting(8)

    @app.route("/")
    @validate()
    async def index(query: Query):
        await meeting.join()
        return Person(name="ann", age=query.age)

    replies = await all_at_once([Browser(app) for _ in range(8)], "/?age=3")
    assert [reply.json["age"] for reply in replies] == [3] * 8
