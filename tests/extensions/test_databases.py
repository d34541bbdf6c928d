"""SQLAlchemy: async drivers under Flask-SQLAlchemy, -Migrate, -Admin, -Security and -Smorest."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager

import pytest
from databases import database
from flask import current_app, render_template_string, request, stream_with_context
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_babel import Babel
from flask_marshmallow import Marshmallow
from flask_migrate import Migrate
from flask_security import Security, SQLAlchemyUserDatastore, auth_required, current_user
from flask_security.models import fsqla_v3 as fsqla
from flask_smorest import Api, Blueprint
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, String, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from harness import PATCH, Browser, Meeting, wait_for

if PATCH == "flask_patch":
    from flask_patch import greenlet_spawn
if PATCH != "flask":
    from quart import websocket
    from quart.utils import run_sync

pytestmark = pytest.mark.quart
REQUESTS = 8
PASSWORD = "a long password"


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class Author(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    books: Mapped[list[Book]] = relationship(back_populates="author", order_by="Book.id")


class Book(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50))
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


@pytest.fixture(params=["postgresql+asyncpg", "sqlite+aiosqlite", "mysql+asyncmy"])
def uri(request, tmp_path, app):
    """Each driver in turn, on a database of its own; named in the app's settings."""
    with database(request.param, tmp_path) as url:
        uri = url.render_as_string(hide_password=False)
        app.config["SQLALCHEMY_DATABASE_URI"] = uri
        app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": REQUESTS, "max_overflow": 0}
        yield uri


@contextmanager
def in_script(app, db):
    """Do what a script or a sync fixture does; no event loop runs."""
    with app.app_context():
        db.create_all()
        yield
        db.session.commit()
        db.engine.dispose()


@pytest.fixture
def shop(app, uri):
    db.init_app(app)
    with in_script(app, db):
        db.session.add(Author(name="ann", books=[Book(title=f"book {n}") for n in range(1, 24)]))
    return app


def add_author(name: str) -> None:
    db.session.add(Author(name=name))
    db.session.commit()


def count() -> str:
    return str(db.session.scalar(select(func.count(Author.id))))


async def test_views_query_and_write(shop, browser, view):
    @shop.route("/add", methods=["POST"])
    @view
    def add():
        add_author(request.args["name"])
        return count(), 201

    @shop.route("/")
    @view
    def index():
        return db.session.execute(select(Author)).scalars().first().name + count()

    reply = await browser.post("/add?name=bob")
    assert (reply.status, reply.text) == (201, "2")
    assert (await browser.get("/")).text == "ann2"


async def test_relations_load_while_a_template_is_rendered(shop, browser, view):
    @shop.route("/")
    @view
    def index():
        page = "{% for author in authors %}{{ author.books[1].author.books|length }}{% endfor %}"
        return render_template_string(page, authors=Author.query.all())

    reply = await browser.get("/")
    assert reply.text == "23"


async def test_pages_and_missing_rows_are_found(shop, browser, view):
    @shop.route("/page")
    @view
    def page():
        found = db.paginate(select(Book).order_by(Book.id), per_page=10)
        return f"{found.total} {found.items[0].id}"

    @shop.route("/book/<int:number>")
    @view
    def book(number):
        return db.get_or_404(Book, number).title

    assert (await browser.get("/page?page=2")).text == "23 11"
    assert (await browser.get("/book/3")).text == "book 3"
    assert (await browser.get("/book/99")).status == 404


async def test_hooks_signals_and_error_handlers_query(shop, browser, view):
    from flask import request_started

    seen = []

    def receive(sender, **extra):
        seen.append(("signal", count()))

    request_started.connect(receive, shop)

    @shop.before_request
    def before():
        seen.append(("before", count()))

    @shop.after_request
    def after(response):
        seen.append(("after", count()))
        return response

    @shop.teardown_request
    def teardown(error):
        seen.append(("teardown", count()))

    @shop.errorhandler(LookupError)
    def handle(error):
        return count(), 418

    @shop.route("/")
    @view
    def index():
        raise LookupError

    reply = await browser.get("/")
    assert (reply.status, reply.text) == (418, "1")
    assert sorted(seen) == [(name, "1") for name in ("after", "before", "signal", "teardown")]


async def test_a_failed_transaction_ends_with_its_request(shop, browser, view):
    @shop.route("/fail")
    @view
    def fail():
        db.session.add(Author(name="ann"))
        db.session.flush()

    @shop.errorhandler(IntegrityError)
    def handle(error):
        return "taken", 409

    @shop.route("/")
    @view
    def index():
        return f"{count()} {db.engine.pool.checkedout()}"

    for _ in range(REQUESTS + 1):
        assert (await browser.get("/fail")).status == 409
    assert (await browser.get("/")).text == "1 1"


async def test_requests_wait_at_the_same_time_each_with_its_session(shop, view):
    """Nobody goes on before all are in a transaction of their own."""
    meeting, sessions = Meeting(REQUESTS), []

    @shop.route("/<name>")
    @view
    def index(name):
        title = db.session.scalar(select(Book.title).where(Book.id == int(name)))
        sessions.append(db.session())
        wait_for(meeting.join())
        return title + db.session.get(Book, name).title

    paths = [f"/{number}" for number in range(1, REQUESTS + 1)]
    replies = await asyncio.gather(*[Browser(shop).get(path) for path in paths])
    assert [reply.text for reply in replies] == [f"book {path[1:]}" * 2 for path in paths]
    assert len({id(session) for session in sessions}) == REQUESTS


async def test_two_tasks_of_a_request_each_have_a_session_in_a_context_of_their_own(shop, browser):
    def title(number: int) -> str:
        with current_app.app_context():
            first = db.session.get_one(Book, number).title
            return first + str(db.session.scalar(select(Book.id).where(Book.id == number)))

    @shop.route("/")
    async def index():
        own = db.session.scalar(select(Author.name))
        titles = await asyncio.gather(*[greenlet_spawn(title, number) for number in (1, 2, 3)])
        return f"{own}: {', '.join(titles)}; {count()}"

    assert (await browser.get("/")).text == "ann: book 11, book 22, book 33; 1"


async def test_two_tasks_that_share_a_session_are_told_so_and_leave_nothing(shop, browser):
    def read() -> None:
        db.session.execute(select(Book))
        db.session.commit()

    @shop.route("/share")
    async def share():
        tasks = [greenlet_spawn(read) for _ in range(3)]
        found = await asyncio.gather(*tasks, return_exceptions=True)
        return str([type(each).__name__ for each in found if each is not None])

    @shop.route("/")
    def index():
        return f"{count()} {db.engine.pool.checkedout()}"

    assert "Error" in (await browser.get("/share")).text
    assert (await browser.get("/")).text == "1 1"


async def test_websockets_and_background_tasks_query(shop, browser):
    seen = []

    @shop.websocket("/ws")
    async def talk():
        number = int(await websocket.receive())
        await websocket.send(db.session.get(Book, number).title)

    async def work():
        seen.append(count())

    def work_sync():
        seen.append(count())

    @shop.route("/")
    async def index():
        shop.add_background_task(work)
        shop.add_background_task(work_sync)
        return ""

    async with shop.test_app():
        async with browser.client.websocket("/ws") as connection:
            await connection.send("3")
            assert await connection.receive() == "book 3"
        await browser.get("/")
    assert seen == ["1", "1"]


async def test_threads_and_streams_query(shop, browser):
    @shop.route("/thread")
    @run_sync
    def thread():
        return count()

    @shop.route("/stream")
    def stream():
        return stream_with_context(db.session.get(Book, n).title + ";" for n in (1, 2))

    assert (await browser.get("/thread")).text == "1"
    assert (await browser.get("/stream")).text == "book 1;book 2;"


async def test_tests_query(shop):
    async with shop.app_context():
        await greenlet_spawn(add_author, "bob")
        assert await greenlet_spawn(count) == "2"


def test_commands_query(shop):
    @shop.cli.command("add")
    def add():
        add_author("bob")
        print(count())

    result = shop.test_cli_runner().invoke(args=["add"])
    assert result.output == "2\n", result.exception


def test_migrations_are_made_and_run(app, uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    db = SQLAlchemy(app)
    Migrate(app, db)

    class Note(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        text = db.Column(db.Text)

    def run(*args: str) -> str:
        result = app.test_cli_runner().invoke(args=["db", *args])
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    def tables() -> set[str]:
        with app.app_context():
            return set(db.inspect(db.engine).get_table_names()) - {"alembic_version"}

    run("init")
    run("migrate", "-m", "notes")
    run("upgrade")
    assert tables() == {"note"}
    run("current")
    run("downgrade", "base")
    assert tables() == set()


async def test_admin_lists_makes_edits_and_deletes(app, uri, browser):
    db = SQLAlchemy(app)
    Babel(app)  # asked for when Flask-Babel is installed

    class Cat(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(20), nullable=False)

    class CatView(ModelView):
        column_searchable_list = ["name"]

    Admin(app).add_view(CatView(Cat, db))
    await greenlet_spawn(make_all, app, db)
    assert (await browser.post("/admin/cat/new/", form={"name": "tom"})).status == 302
    assert "tom" in (await browser.get("/admin/cat/?search=to")).text
    assert (await browser.post("/admin/cat/edit/?id=1", form={"name": "leo"})).status == 302
    page = (await browser.get("/admin/cat/")).text
    assert "leo" in page
    assert "tom" not in page
    assert (await browser.post("/admin/cat/delete/", form={"id": "1"})).status == 302
    assert "leo" not in (await browser.get("/admin/cat/")).text


def make_all(app, db) -> None:
    """Make the tables, from async code."""
    with app.app_context():
        db.create_all()


@pytest.fixture
def secured(app, uri):
    app.config.update(
        SECURITY_PASSWORD_SALT="1234567890",
        SECURITY_PASSWORD_HASH="plaintext",
        SECURITY_PASSWORD_SCHEMES=["plaintext"],
        SECURITY_HASHING_SCHEMES=["plaintext"],
        SECURITY_DEPRECATED_HASHING_SCHEMES=[],
        SECURITY_REGISTERABLE=True,
        SECURITY_CHANGEABLE=True,
        SECURITY_SEND_REGISTER_EMAIL=False,
        SECURITY_SEND_PASSWORD_CHANGE_EMAIL=False,
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
        WTF_CSRF_ENABLED=False,
    )
    db = SQLAlchemy(app)
    fsqla.FsModels.set_db_info(db)

    class Role(db.Model, fsqla.FsRoleMixin):
        pass

    class User(db.Model, fsqla.FsUserMixin):
        pass

    Security(app, SQLAlchemyUserDatastore(db, User, Role))
    with in_script(app, db):
        pass
    return app


async def test_security_registers_logs_in_and_changes_passwords(secured, browser, view):
    @secured.route("/page")
    @auth_required()
    @view
    def page():
        return f"hello {current_user.email} {len(current_user.roles)}"

    assert (await browser.get("/page")).status == 302
    form = {"email": "ann@example.org", "password": PASSWORD, "password_confirm": PASSWORD}
    assert (await browser.post("/register", form=form)).status == 302
    assert (await browser.get("/page")).text == "hello ann@example.org 0"
    new = PASSWORD * 2
    form = {"password": PASSWORD, "new_password": new, "new_password_confirm": new}
    assert (await browser.post("/change", form=form)).status == 302
    await browser.post("/logout")
    other = Browser(secured)
    login = {"email": "ann@example.org", "password": new}
    reply = await other.post("/login?include_auth_token", json=login)
    token = reply.json["response"]["user"]["authentication_token"]
    reply = await Browser(secured).get("/page", headers={"Authentication-Token": token})
    assert reply.text == "hello ann@example.org 0"


def test_security_has_commands(secured):
    run = secured.test_cli_runner().invoke
    result = run(args=["users", "create", "ann@example.org", "--password", PASSWORD, "--active"])
    assert result.exit_code == 0, (result.output, result.exception)
    assert run(args=["roles", "create", "admin"]).exit_code == 0
    assert run(args=["roles", "add", "ann@example.org", "admin"]).exit_code == 0


async def test_smorest_answers_with_models(shop, browser, view):
    shop.config.update(API_TITLE="Books", API_VERSION="v1", OPENAPI_VERSION="3.0.3")
    ma = Marshmallow(shop)

    class AuthorSchema(ma.SQLAlchemyAutoSchema):
        class Meta:
            model = Author
            sqla_session = db.session
            load_instance = True

        books = ma.Nested("BookSchema", many=True, dump_only=True)

    class BookSchema(ma.SQLAlchemyAutoSchema):
        class Meta:
            model = Book

    bp = Blueprint("authors", "authors", url_prefix="/authors")

    @bp.route("/<int:number>")
    @bp.response(200, AuthorSchema)
    @view
    def author(number):
        return db.get_or_404(Author, number)

    @bp.route("/", methods=["POST"])
    @bp.arguments(AuthorSchema)
    @bp.response(201, AuthorSchema)
    @view
    def add(author):
        db.session.add(author)
        db.session.commit()
        return author

    Api(shop).register_blueprint(bp)
    reply = await browser.post("/authors/", json={"name": "bob"})
    assert (reply.status, reply.json) == (201, {"id": 2, "name": "bob", "books": []})
    books = (await browser.get("/authors/1")).json["books"]
    assert [book["title"] for book in books[:2]] == ["book 1", "book 2"]
