"""Flask-Marshmallow: schemas, links, models."""

from __future__ import annotations

import pytest
from flask import request
from flask_marshmallow import Marshmallow
from flask_sqlalchemy import SQLAlchemy
from marshmallow import ValidationError, fields

from harness import app_context


@pytest.fixture
def ma(app):
    return Marshmallow(app)


async def test_objects_are_dumped(app, browser, ma, view):
    class CatSchema(ma.Schema):
        class Meta:
            fields = ("name", "age")

        name = fields.Str()
        age = fields.Int()

    @app.route("/")
    @view
    def index():
        return CatSchema().dump({"name": "tom", "age": 3, "secret": 1})

    assert (await browser.get("/")).json == {"name": "tom", "age": 3}


async def test_many_objects_are_dumped(app, browser, ma, view):
    class CatSchema(ma.Schema):
        name = fields.Str()

    @app.route("/")
    @view
    def index():
        return CatSchema(many=True).jsonify([{"name": "tom"}, {"name": "kit"}])

    reply = await browser.get("/")
    assert reply.json == [{"name": "tom"}, {"name": "kit"}]
    assert reply.headers["Content-Type"] == "application/json"


async def test_links_are_built(app, browser, ma, view):
    class CatSchema(ma.Schema):
        self = ma.URLFor("cat", values={"id": "<id>"})
        full = ma.AbsoluteURLFor("cat", values={"id": "<id>"})
        links = ma.Hyperlinks({"all": ma.URLFor("cats")})

    @app.route("/cats/<int:id>")
    @view
    def cat(id):
        return CatSchema().dump({"id": id})

    @app.route("/cats")
    @view
    def cats():
        return "cats"

    assert (await browser.get("/cats/3")).json == {
        "self": "/cats/3",
        "full": "http://localhost/cats/3",
        "links": {"all": "/cats"},
    }


async def test_json_is_loaded_and_checked(app, browser, ma, view):
    class CatSchema(ma.Schema):
        name = fields.Str(required=True)
        age = fields.Int()

    @app.route("/", methods=["POST"])
    @view
    def index():
        try:
            return CatSchema().load(request.get_json())
        except ValidationError as error:
            return error.messages, 422

    assert (await browser.post("/", json={"name": "tom", "age": "3"})).json == {
        "name": "tom",
        "age": 3,
    }
    reply = await browser.post("/", json={"age": "x"})
    assert (reply.status, set(reply.json)) == (422, {"name", "age"})


@pytest.fixture
async def shop(app, tmp_path):
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/cats.db"
    db = SQLAlchemy(app)
    ma = Marshmallow(app)

    class Cat(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String)

    class CatSchema(ma.SQLAlchemyAutoSchema):
        class Meta:
            model = Cat
            load_instance = True
            sqla_session = db.session

    async with app_context(app):
        db.create_all()
        db.session.add(Cat(name="tom"))
        db.session.commit()
    app.shop = db, Cat, CatSchema
    yield app
    async with app_context(app):
        db.engine.dispose()


async def test_a_model_is_dumped(shop, browser, view):
    db, Cat, CatSchema = shop.shop

    @shop.route("/<int:id>")
    @view
    def cat(id):
        return CatSchema().dump(db.get_or_404(Cat, id))

    assert (await browser.get("/1")).json == {"id": 1, "name": "tom"}
    assert (await browser.get("/2")).status == 404


async def test_a_model_is_loaded_and_saved(shop, browser, view):
    db, _, CatSchema = shop.shop

    @shop.route("/", methods=["POST"])
    @view
    def add():
        cat = CatSchema().load(request.get_json())
        db.session.add(cat)
        db.session.commit()
        return CatSchema().dump(cat), 201

    reply = await browser.post("/", json={"name": "kit"})
    assert (reply.status, reply.json) == (201, {"id": 2, "name": "kit"})
