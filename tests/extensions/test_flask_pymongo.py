"""Flask-PyMongo: documents and files, over the wire to a stand-in for the server."""

from __future__ import annotations

from io import BytesIO

import pytest
from flask import jsonify, request
from flask_pymongo import PyMongo
from werkzeug.datastructures import FileStorage

import mongo as server


@pytest.fixture
def mongo(app):
    with server.serve() as uri:
        app.config["MONGO_URI"] = uri
        mongo = PyMongo(app)
        mongo.db.cats.insert_many(
            {"name": name, "age": age} for age, name in enumerate(["tom", "kit"])
        )
        yield mongo
        mongo.cx.close()


async def test_documents_are_found(app, browser, mongo, view):
    @app.route("/")
    @view
    def index():
        return [cat["name"] for cat in mongo.db.cats.find({"age": {"$gte": 0}}).sort("name")]

    assert (await browser.get("/")).json == ["kit", "tom"]


async def test_documents_are_written(app, browser, mongo, view):
    @app.route("/", methods=["POST", "DELETE"])
    @view
    def index():
        if request.method == "DELETE":
            return str(mongo.db.cats.delete_many({}).deleted_count)
        mongo.db.cats.insert_one(request.get_json())
        mongo.db.cats.update_one({"name": "tom"}, {"$set": {"age": 9}})
        return str(mongo.db.cats.count_documents({"age": 9}))

    assert (await browser.post("/", json={"name": "sue", "age": 9})).text == "2"
    assert (await browser.delete("/")).text == "3"


async def test_find_one_or_404(app, browser, mongo, view):
    @app.route("/<name>")
    @view
    def cat(name):
        return str(mongo.db.cats.find_one_or_404({"name": name})["age"])

    assert (await browser.get("/kit")).text == "1"
    assert (await browser.get("/rex")).status == 404


async def test_documents_become_json(app, browser, mongo, view):
    @app.route("/")
    @view
    def index():
        return jsonify(mongo.db.cats.find_one({"name": "tom"}))

    document = (await browser.get("/")).json
    assert document["name"] == "tom"
    assert len(document["_id"]["$oid"]) == 24


async def test_an_object_id_is_part_of_a_path(app, browser, mongo, view):
    @app.route("/cats/<ObjectId:id>")
    @view
    def cat(id):
        return mongo.db.cats.find_one_or_404(id)["name"]

    id = mongo.db.cats.find_one({"name": "kit"})["_id"]
    assert (await browser.get(f"/cats/{id}")).text == "kit"
    assert (await browser.get("/cats/nonsense")).status == 404


async def test_a_file_is_kept_and_sent(app, browser, mongo, view):
    @app.route("/photo/<name>", methods=["GET", "POST"])
    @view
    def photo(name):
        if request.method == "POST":
            mongo.save_file(name, request.files["file"])
            return "kept"
        return mongo.send_file(name)

    upload = FileStorage(BytesIO(b"meow" * 1000), filename="cat.txt", name="file")
    assert (await browser.post("/photo/cat.txt", files={"file": upload})).text == "kept"
    reply = await browser.get("/photo/cat.txt")
    assert reply.body == b"meow" * 1000
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert (await browser.get("/photo/none.txt")).status == 404


@pytest.mark.quart
async def test_a_query_in_a_thread_leaves_the_loop_free(app, browser, mongo):
    from quart.utils import run_sync

    @app.route("/")
    async def index():
        return (await run_sync(mongo.db.cats.find_one_or_404)({"name": "tom"}))["name"]

    assert (await browser.get("/")).text == "tom"
