"""Flask-Smorest: schemas in and out, pages, ETags, OpenAPI documents."""

from __future__ import annotations

import pytest
from flask_smorest import Api, Blueprint, Page, abort
from marshmallow import Schema, fields


class CatQuery(Schema):
    name = fields.String()


class CatSchema(Schema):
    id = fields.Integer(dump_only=True)
    name = fields.String(required=True)


@pytest.fixture
def api(app):
    app.config.update(API_TITLE="Cats", API_VERSION="v1", OPENAPI_VERSION="3.0.3")
    app.config["OPENAPI_URL_PREFIX"] = "/"
    app.config["OPENAPI_SWAGGER_UI_PATH"] = "/ui"
    app.config["OPENAPI_SWAGGER_UI_URL"] = "https://cdn.example/"
    return Api(app)


@pytest.fixture
def bp():
    return Blueprint("cats", "cats", url_prefix="/cats", description="About cats")


async def test_a_response_is_dumped(api, browser, bp, view):
    @bp.route("/")
    @bp.response(200, CatSchema(many=True))
    @view
    def cats():
        return [{"id": 1, "name": "tom", "secret": 1}]

    api.register_blueprint(bp)
    assert (await browser.get("/cats/")).json == [{"id": 1, "name": "tom"}]


async def test_a_json_body_is_loaded_and_checked(api, browser, bp, view):
    @bp.route("/", methods=["POST"])
    @bp.arguments(CatSchema)
    @bp.response(201, CatSchema)
    @view
    def add(data):
        return {"id": 1, **data}

    api.register_blueprint(bp)
    reply = await browser.post("/cats/", json={"name": "tom"})
    assert (reply.status, reply.json) == (201, {"id": 1, "name": "tom"})
    reply = await browser.post("/cats/", json={})
    assert reply.status == 422
    assert reply.json["errors"] == {"json": {"name": ["Missing data for required field."]}}


async def test_a_query_is_loaded(api, browser, bp, view):
    @bp.route("/")
    @bp.arguments(CatQuery, location="query")
    @bp.response(200)
    @view
    def cats(query):
        return query

    api.register_blueprint(bp)
    assert (await browser.get("/cats/?name=tom")).json == {"name": "tom"}


async def test_a_form_is_loaded(api, browser, bp, view):
    @bp.route("/", methods=["POST"])
    @bp.arguments(CatSchema, location="form")
    @bp.response(200)
    @view
    def cats(form):
        return form

    api.register_blueprint(bp)
    assert (await browser.post("/cats/", form={"name": "tom"})).json == {"name": "tom"}


async def test_a_method_view_is_routed(api, browser, bp, view):
    from flask.views import MethodView

    @bp.route("/<int:id>")
    class Cat(MethodView):
        @bp.response(200, CatSchema)
        @view
        def get(self, id):
            return {"id": id, "name": "tom"}

        @bp.response(204)
        @view
        def delete(self, id):
            pass

    api.register_blueprint(bp)
    assert (await browser.get("/cats/4")).json == {"id": 4, "name": "tom"}
    assert (await browser.delete("/cats/4")).status == 204


@pytest.mark.quart
async def test_an_async_view_loads_and_dumps(app, api, browser, bp):
    import asyncio

    @bp.route("/", methods=["POST"])
    @bp.arguments(CatSchema)
    @bp.response(201, CatSchema)
    async def add(data):
        await asyncio.sleep(0)
        return {"id": 2, **data}

    api.register_blueprint(bp)
    assert (await browser.post("/cats/", json={"name": "kit"})).json == {"id": 2, "name": "kit"}


async def test_pages_are_announced(api, browser, bp, view):
    class CursorPage(Page):
        @property
        def item_count(self):
            return len(self.collection)

    @bp.route("/")
    @bp.response(200, CatSchema(many=True))
    @bp.paginate(CursorPage, page_size=2)
    @view
    def cats():
        return [{"id": n, "name": str(n)} for n in range(5)]

    api.register_blueprint(bp)
    reply = await browser.get("/cats/?page=2&page_size=2")
    assert [cat["id"] for cat in reply.json] == [2, 3]
    assert '"total_pages": 3' in reply.headers["X-Pagination"]


async def test_etags_are_checked(api, browser, bp, view):
    @bp.route("/")
    @bp.etag
    @bp.response(200, CatSchema)
    @view
    def cat():
        return {"id": 1, "name": "tom"}

    api.register_blueprint(bp)
    etag = (await browser.get("/cats/")).headers["ETag"]
    assert (await browser.get("/cats/", headers={"If-None-Match": etag})).status == 304


async def test_abort_answers_in_json(api, browser, bp, view):
    @bp.route("/<int:id>")
    @view
    def cat(id):
        abort(404, message="no such cat")

    api.register_blueprint(bp)
    reply = await browser.get("/cats/1")
    assert (reply.status, reply.json["message"]) == (404, "no such cat")
    assert (await browser.get("/nowhere")).json == {"code": 404, "status": "Not Found"}


async def test_the_document_describes_the_api(api, browser, bp, view):
    @bp.route("/", methods=["POST"])
    @bp.arguments(CatSchema)
    @bp.response(201, CatSchema)
    @view
    def add(data):
        """Add a cat"""

    api.register_blueprint(bp)
    document = (await browser.get("/openapi.json")).json
    assert document["info"] == {"title": "Cats", "version": "v1"}
    assert document["paths"]["/cats/"]["post"]["summary"] == "Add a cat"


async def test_the_document_is_shown_as_a_page(api, browser):
    page = await browser.get("/ui")
    assert page.status == 200
    assert "https://cdn.example/" in page.text


def test_a_command_prints_the_document(app, api):
    result = app.test_cli_runner().invoke(args=["openapi", "print"])
    assert result.exit_code == 0, (result.output, result.exception)
    assert '"title": "Cats"' in result.output
