"""Flask-Admin: views, lists, forms and files."""

from __future__ import annotations

from io import BytesIO

import pytest
from flask import request
from flask_admin import Admin, AdminIndexView, BaseView, expose
from flask_admin.contrib.fileadmin import FileAdmin
from flask_admin.contrib.sqla import ModelView
from flask_babel import Babel
from flask_sqlalchemy import SQLAlchemy
from werkzeug.datastructures import FileStorage

from harness import app_context


@pytest.fixture
def admin(app):
    Babel(app)  # asked for when Flask-Babel is installed
    return Admin(app, name="The Office")


@pytest.fixture
async def shop(app, admin, tmp_path):
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/cats.db"
    db = SQLAlchemy(app)

    class Cat(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(20), nullable=False)
        colour = db.Column(db.String(20))

    class CatView(ModelView):
        column_searchable_list = ["name"]
        column_filters = ["colour"]
        column_editable_list = ["colour"]
        page_size = 20
        can_export = True
        can_view_details = True

    async with app_context(app):
        db.create_all()
        db.session.add_all(Cat(name=f"cat-{n:02}", colour="red") for n in range(25))
        db.session.commit()
    admin.add_view(CatView(Cat, db))
    app.names = lambda: {cat.name for cat in db.session.query(Cat)}
    yield app
    async with app_context(app):
        db.engine.dispose()


async def names(shop) -> set[str]:
    async with app_context(shop):
        return shop.names()


async def test_the_index_is_shown(browser, admin):
    page = await browser.get("/admin/")
    assert page.status == 200
    assert "The Office" in page.text


async def test_its_files_are_served(browser, admin):
    page = (await browser.get("/admin/")).text
    path = page.partition('href="/admin/static/')[2].partition('"')[0]
    assert (await browser.get(f"/admin/static/{path}")).status == 200


async def test_an_own_view_renders_a_template(app, browser, admin):
    from jinja2 import DictLoader

    app.jinja_loader = DictLoader(
        {"own.html": "{% extends 'admin/master.html' %}{% block body %}<p>{{ text }}{% endblock %}"}
    )

    class Own(BaseView):
        @expose("/")
        def index(self):
            return self.render("own.html", text=f"at {request.path}")

    admin.add_view(Own(name="Own", endpoint="own"))
    page = (await browser.get("/admin/own/")).text
    assert "<p>at /admin/own/" in page
    assert "The Office" in page


@pytest.mark.quart
async def test_an_own_async_view_renders_a_template(app, browser, admin):
    import asyncio

    from jinja2 import DictLoader

    app.jinja_loader = DictLoader(
        {"own.html": "{% extends 'admin/master.html' %}{% block body %}<p>{{ text }}{% endblock %}"}
    )

    class Own(BaseView):
        @expose("/")
        async def index(self):
            await asyncio.sleep(0)
            return self.render("own.html", text="async")

    admin.add_view(Own(name="Own", endpoint="own"))
    assert "<p>async" in (await browser.get("/admin/own/")).text


async def test_a_view_is_closed_to_strangers(app, browser):
    class Closed(AdminIndexView):
        def is_accessible(self):
            return request.args.get("key") == "open"

        def inaccessible_callback(self, name, **kwargs):
            return "closed", 403

    Babel(app)
    Admin(app, index_view=Closed())
    reply = await browser.get("/admin/")
    assert (reply.status, reply.text) == (403, "closed")
    assert (await browser.get("/admin/?key=open")).status == 200


async def test_rows_are_listed_in_pages(shop, browser):
    first, second = await browser.get("/admin/cat/"), await browser.get("/admin/cat/?page=1")
    assert "cat-00" in first.text
    assert "cat-24" not in first.text
    assert "cat-24" in second.text


async def test_rows_are_searched_and_filtered(shop, browser):
    found = (await browser.get("/admin/cat/?search=cat-13")).text
    assert "cat-13" in found
    assert "cat-14" not in found
    assert "cat-13" in (await browser.get("/admin/cat/?flt1_0=red&search=cat-13")).text
    none = (await browser.get("/admin/cat/?flt1_0=blue&search=cat-13")).text
    assert "There are no items in the table." in none


async def test_a_row_is_added(shop, browser):
    assert 'name="name"' in (await browser.get("/admin/cat/new/")).text
    reply = await browser.post("/admin/cat/new/", form={"name": "tom", "colour": "grey"})
    assert reply.status == 302
    assert "tom" in await names(shop)
    assert "Record was successfully created." in (await browser.get("/admin/cat/")).text


async def test_a_row_that_is_not_valid_is_refused(shop, browser):
    reply = await browser.post("/admin/cat/new/", form={"name": "", "colour": "grey"})
    assert reply.status == 200
    assert "This field is required." in reply.text


async def test_a_row_is_changed(shop, browser):
    assert 'value="cat-00"' in (await browser.get("/admin/cat/edit/?id=1")).text
    reply = await browser.post("/admin/cat/edit/?id=1", form={"name": "kit", "colour": "red"})
    assert reply.status == 302
    assert "kit" in await names(shop)
    assert "cat-00" not in await names(shop)


async def test_a_cell_is_changed_in_the_list(shop, browser):
    form = {"list_form_pk": "1", "colour": "blue"}
    reply = await browser.post("/admin/cat/ajax/update/", form=form)
    assert (reply.status, reply.text) == (200, "Record was successfully saved.")


async def test_a_row_is_deleted(shop, browser):
    assert (await browser.post("/admin/cat/delete/", form={"id": "1"})).status == 302
    assert "cat-00" not in await names(shop)


async def test_an_action_deletes_the_chosen_rows(shop, browser):
    await browser.post("/admin/cat/action/", form={"action": "delete", "rowid": "1"})
    assert "cat-00" not in await names(shop)


async def test_a_row_is_shown(shop, browser):
    assert "cat-02" in (await browser.get("/admin/cat/details/?id=3")).text


async def test_rows_are_exported(shop, browser):
    reply = await browser.get("/admin/cat/export/csv/")
    assert reply.headers["Content-Type"].startswith("text/csv")
    assert reply.text.splitlines()[0] == "Name,Colour"
    assert "cat-24,red" in reply.text


@pytest.fixture
def files(admin, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "note.txt").write_text("a note")
    admin.add_view(FileAdmin(str(folder), name="Files", endpoint="files"))
    return folder


async def test_files_are_listed_and_sent(browser, files):
    assert "note.txt" in (await browser.get("/admin/files/")).text
    assert (await browser.get("/admin/files/download/note.txt")).text == "a note"


async def test_a_file_is_uploaded(browser, files):
    upload = FileStorage(BytesIO(b"meow"), filename="cat.txt", name="upload")
    reply = await browser.post("/admin/files/upload/", files={"upload": upload})
    assert reply.status == 302
    assert (files / "cat.txt").read_bytes() == b"meow"


async def test_a_file_is_deleted(browser, files):
    reply = await browser.post("/admin/files/delete/", form={"path": "note.txt"})
    assert reply.status == 302
    assert not (files / "note.txt").exists()
