"""Flask-SQLAlchemy: models, queries, sessions that end with the request."""

from __future__ import annotations

import asyncio

import pytest
from flask import render_template_string, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from harness import Browser, Meeting, app_context


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class Author(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    books: Mapped[list[Book]] = relationship(back_populates="author", order_by="Book.id")


class Book(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


@pytest.fixture
async def shop(app, tmp_path):
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/shop.db"
    app.config["SQLALCHEMY_RECORD_QUERIES"] = True
    db.init_app(app)
    async with app_context(app):
        db.create_all()
        db.session.add(Author(name="ann", books=[Book(title=f"book {n}") for n in range(1, 24)]))
        db.session.commit()
    yield app
    async with app_context(app):
        db.engine.dispose()


async def test_a_view_queries(shop, browser, view):
    @shop.route("/")
    @view
    def index():
        return db.session.execute(select(Author)).scalar_one().name

    assert (await browser.get("/")).text == "ann"


async def test_the_legacy_query_works(shop, browser, view):
    @shop.route("/")
    @view
    def index():
        return Author.query.filter_by(name="ann").first().name

    assert (await browser.get("/")).text == "ann"


async def test_a_view_writes_and_the_next_reads(shop, browser, view):
    @shop.route("/add", methods=["POST"])
    @view
    def add():
        author = Author(name=request.form["name"])
        db.session.add(author)
        db.session.commit()
        return {"id": author.id}, 201

    @shop.route("/count")
    @view
    def count():
        return str(db.session.scalar(select(func.count()).select_from(Author)))

    reply = await browser.post("/add", form={"name": "bob"})
    assert (reply.status, reply.json) == (201, {"id": 2})
    assert (await browser.get("/count")).text == "2"


@pytest.mark.quart
async def test_a_session_outlives_the_waits_of_its_view(shop, browser):
    @shop.route("/")
    async def index():
        author = db.session.get(Author, 1)
        session = db.session()
        await asyncio.sleep(0)
        assert db.session() is session
        return f"{author.name} {len(author.books)}"

    assert (await browser.get("/")).text == "ann 23"


async def test_what_is_not_committed_is_gone_after_the_request(shop, browser, view):
    @shop.route("/forget")
    @view
    def forget():
        db.session.add(Author(name="eve"))
        db.session.flush()
        return str(Author.query.count())

    @shop.route("/count")
    @view
    def count():
        return str(Author.query.count())

    assert (await browser.get("/forget")).text == "2"
    assert (await browser.get("/count")).text == "1"


async def test_a_failed_commit_rolls_back(shop, browser, view):
    from sqlalchemy.exc import IntegrityError

    @shop.route("/twice")
    @view
    def twice():
        db.session.add(Author(name="ann"))
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
            return f"still {Author.query.count()}"

    assert (await browser.get("/twice")).text == "still 1"


async def test_get_or_404(shop, browser, view):
    @shop.route("/<int:id>")
    @view
    def show(id):
        return db.get_or_404(Author, id).name

    assert (await browser.get("/1")).text == "ann"
    assert (await browser.get("/9")).status == 404


async def test_first_or_404_and_one_or_404(shop, browser, view):
    @shop.route("/first/<name>")
    @view
    def first(name):
        return db.first_or_404(select(Author).filter_by(name=name)).name

    @shop.route("/one/<name>")
    @view
    def one(name):
        return db.one_or_404(select(Author).filter_by(name=name), description="no such").name

    assert (await browser.get("/first/ann")).text == "ann"
    assert (await browser.get("/one/ann")).text == "ann"
    assert (await browser.get("/first/eve")).status == 404
    reply = await browser.get("/one/eve")
    assert reply.status == 404
    assert "no such" in reply.text


async def test_pages_are_counted_from_the_query(shop, browser, view):
    @shop.route("/books")
    @view
    def books():
        page = db.paginate(select(Book).order_by(Book.id), per_page=10)
        return f"{page.page}/{page.pages} {page.items[0].title} {page.has_next}"

    assert (await browser.get("/books")).text == "1/3 book 1 True"
    assert (await browser.get("/books?page=3")).text == "3/3 book 21 False"
    assert (await browser.get("/books?page=9")).status == 404


async def test_a_template_reads_lazily(shop, browser, view):
    @shop.route("/")
    @view
    def index():
        return render_template_string(
            "{% for book in author.books[:2] %}{{ book.title }};{% endfor %}",
            author=db.session.get(Author, 1),
        )

    assert (await browser.get("/")).text == "book 1;book 2;"


async def test_queries_are_recorded(shop, browser, view):
    from flask_sqlalchemy.record_queries import get_recorded_queries

    @shop.route("/")
    @view
    def index():
        db.session.get(Author, 1)
        return str([query.location is not None for query in get_recorded_queries()])

    assert (await browser.get("/")).text == "[True]"


def test_a_sync_app_context_sets_up(app, tmp_path):
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/sync.db"
    db.init_app(app)
    with app.app_context():
        db.create_all()
        db.session.add(Author(name="zoe"))
        db.session.commit()
    with app.app_context():
        assert Author.query.one().name == "zoe"
        db.engine.dispose()


async def test_nested_app_contexts_have_their_own_sessions(shop):
    async with app_context(shop):
        outer = db.session()
        async with app_context(shop):
            assert db.session() is not outer
        assert db.session() is outer


@pytest.mark.quart
async def test_waiting_views_have_their_own_sessions(shop):
    meeting = Meeting(5)
    sessions = []

    @shop.route("/")
    async def index():
        own = db.session()
        sessions.append(own)
        await meeting.join()
        return str(db.session() is own)

    replies = await asyncio.gather(*(Browser(shop).get("/") for _ in range(5)))
    assert [reply.text for reply in replies] == ["True"] * 5
    assert len({id(session) for session in sessions}) == 5


@pytest.mark.quart
async def test_before_serving_sets_up(app, tmp_path):
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/serving.db"
    db.init_app(app)

    @app.before_serving
    async def startup():
        async with app.app_context():
            db.create_all()
            db.session.add(Author(name="guest"))
            db.session.commit()

    @app.route("/")
    async def index():
        name = Author.query.one().name
        db.engine.dispose()
        return name

    async with app.test_app():
        assert (await Browser(app).get("/")).text == "guest"


@pytest.mark.quart
async def test_websockets_query(shop, browser):
    from quart import websocket

    @shop.websocket("/ws")
    async def talk():
        number = int(await websocket.receive())
        await websocket.send(db.session.get(Book, number).title)

    async with browser.client.websocket("/ws") as connection:
        await connection.send("3")
        assert await connection.receive() == "book 3"


@pytest.mark.quart
async def test_an_async_stream_queries(shop, browser):
    from quart import stream_with_context

    @shop.route("/")
    async def index():
        @stream_with_context
        async def titles():
            for number in (1, 2):
                yield db.session.get(Book, number).title + ";"
                await asyncio.sleep(0)

        return titles()

    assert (await browser.get("/")).text == "book 1;book 2;"


async def test_a_sync_stream_queries(shop, browser):
    from flask import stream_with_context

    @shop.route("/")
    def index():
        return stream_with_context(db.session.get(Book, n).title + ";" for n in (1, 2))

    assert (await browser.get("/")).text == "book 1;book 2;"


def test_a_command_queries(app, tmp_path):
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/cli.db"
    db.init_app(app)

    @app.cli.command("seed")
    def seed():
        db.create_all()
        db.session.add(Author(name="from the shell"))
        db.session.commit()
        print(Author.query.one().name)
        db.engine.dispose()

    result = app.test_cli_runner().invoke(args=["seed"])
    assert result.exit_code == 0, result.output
    assert result.output.strip() == "from the shell"
