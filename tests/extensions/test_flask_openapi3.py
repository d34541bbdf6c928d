"""Flask-OpenAPI3: an app class of its own, models, documents."""

import pytest
from flask import jsonify
from pydantic import BaseModel


class Path(BaseModel):
    id: int


class Query(BaseModel):
    age: int = 1


class Cat(BaseModel):
    name: str
    age: int | None = None


@pytest.fixture
def app():
    from flask_openapi3 import Info, OpenAPI

    app = OpenAPI("cats", info=Info(title="Cats", version="1.2"))
    app.testing = True
    return app


async def test_path_and_query_become_models(app, browser, view):
    @app.get("/cats/<int:id>")
    @view
    def cat(path: Path, query: Query):
        return {"id": path.id, "age": query.age}

    assert (await browser.get("/cats/4?age=7")).json == {"id": 4, "age": 7}
    assert (await browser.get("/cats/4?age=old")).status == 422


async def test_a_json_body_becomes_a_model(app, browser, view):
    @app.post("/cats")
    @view
    def add(body: Cat):
        return {"got": body.name}, 201

    reply = await browser.post("/cats", json={"name": "tom"})
    assert (reply.status, reply.json) == (201, {"got": "tom"})
    assert (await browser.post("/cats", json={"age": 3})).status == 422


async def test_a_form_becomes_a_model(app, browser, view):
    @app.post("/cats")
    @view
    def add(form: Cat):
        return jsonify(form.model_dump())

    reply = await browser.post("/cats", form={"name": "tom", "age": "3"})
    assert reply.json == {"name": "tom", "age": 3}


async def test_an_upload_becomes_a_model(app, browser, view):
    from io import BytesIO

    from flask_openapi3 import FileStorage
    from werkzeug.datastructures import FileStorage as Upload

    class Photo(BaseModel):
        file: FileStorage

    @app.post("/photo")
    @view
    def photo(form: Photo):
        return f"{form.file.filename} {len(form.file.read())}"

    upload = Upload(BytesIO(b"12345"), filename="cat.png", name="file")
    assert (await browser.post("/photo", files={"file": upload})).text == "cat.png 5"


async def test_headers_and_cookies_become_models(app, browser, view):
    class Headers(BaseModel):
        key: str

    class Cookies(BaseModel):
        colour: str

    @app.get("/")
    @view
    def index(header: Headers, cookie: Cookies):
        return f"{header.key} {cookie.colour}"

    browser.set_cookie("colour", "red")
    assert (await browser.get("/", headers={"Key": "k1"})).text == "k1 red"


async def test_the_document_describes_the_api(app, browser, view):
    @app.get("/cats/<int:id>", summary="One cat", responses={200: Cat})
    @view
    def cat(path: Path):
        return {"name": "tom"}

    document = (await browser.get("/openapi/openapi.json")).json
    assert document["info"] == {"title": "Cats", "version": "1.2"}
    assert document["paths"]["/cats/{id}"]["get"]["summary"] == "One cat"
    assert "Cat" in document["components"]["schemas"]


async def test_blueprints_are_documented(app, browser, view):
    from flask_openapi3 import APIBlueprint, Tag

    api = APIBlueprint("dogs", __name__, url_prefix="/api", abp_tags=[Tag(name="dogs")])

    @api.get("/dogs/<int:id>")
    @view
    def dog(path: Path):
        return {"id": path.id}

    app.register_api(api)
    assert (await browser.get("/api/dogs/3")).json == {"id": 3}
    document = (await browser.get("/openapi/openapi.json")).json
    assert document["paths"]["/api/dogs/{id}"]["get"]["tags"] == ["dogs"]


async def test_view_classes_are_routed(app, browser):
    from flask_openapi3 import APIView

    cats = APIView(url_prefix="/v1")

    @cats.route("/cats/<int:id>")
    class CatView:
        @cats.doc(summary="One cat")
        def get(self, path: Path):
            return {"id": path.id}

    app.register_api_view(cats)
    assert (await browser.get("/v1/cats/3")).json == {"id": 3}


async def test_own_answers_to_bad_input(view):
    from flask import make_response
    from flask_openapi3 import OpenAPI

    from harness import Browser

    def refuse(error):
        return make_response({"errors": error.error_count()}, 400)

    app = OpenAPI("cats", validation_error_callback=refuse)

    @app.post("/cats")
    @view
    def add(body: Cat):
        return "added"

    reply = await Browser(app).post("/cats", json={})
    assert (reply.status, reply.json) == (400, {"errors": 1})


async def test_plain_routes_and_hooks_work_beside(app, browser, view):
    @app.route("/plain")
    @view
    def plain():
        return "plain"

    @app.after_request
    def sign(response):
        response.headers["X-Signed"] = "yes"
        return response

    reply = await browser.get("/plain")
    assert (reply.text, reply.headers["X-Signed"]) == ("plain", "yes")


@pytest.mark.quart
async def test_waiting_views_overlap(app):
    from harness import Browser, Meeting, all_at_once

    meeting = Meeting(8)

    @app.get("/cats/<int:id>")
    async def cat(path: Path):
        await meeting.join()
        return {"id": path.id}

    replies = await all_at_once([Browser(app) for _ in range(8)], "/cats/5")
    assert [reply.json for reply in replies] == [{"id": 5}] * 8
