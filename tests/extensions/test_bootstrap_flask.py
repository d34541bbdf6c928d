"""Bootstrap-Flask: macros that render forms, tables, pages and messages."""

from __future__ import annotations

import pytest
from flask import flash, render_template_string
from flask_bootstrap import Bootstrap5
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField, SubmitField
from wtforms.validators import DataRequired

from harness import app_context


class LoginForm(FlaskForm):
    name = StringField("Name", validators=[DataRequired()])
    remember = BooleanField("Remember me")
    submit = SubmitField("Log in")


@pytest.fixture
def bootstrap(app):
    app.config["WTF_CSRF_ENABLED"] = False
    return Bootstrap5(app)


async def test_css_and_js_are_linked(app, browser, bootstrap, view):
    @app.route("/")
    @view
    def index():
        return render_template_string("{{ bootstrap.load_css() }}{{ bootstrap.load_js() }}")

    page = (await browser.get("/")).text
    assert 'rel="stylesheet"' in page
    assert "<script src=" in page


async def test_files_are_served_from_the_app(app, browser, bootstrap, view):
    app.config["BOOTSTRAP_SERVE_LOCAL"] = True

    @app.route("/")
    @view
    def index():
        return render_template_string("{{ bootstrap.load_css() }}")

    path = (await browser.get("/")).text.partition('href="')[2].partition('"')[0]
    reply = await browser.get(path)
    assert path.startswith("/bootstrap/static/")
    assert reply.status == 200
    assert b"bootstrap" in reply.body.lower()


async def test_a_form_is_rendered(app, browser, bootstrap, view):
    @app.route("/", methods=["GET", "POST"])
    @view
    def index():
        form = LoginForm()
        form.validate_on_submit()
        return render_template_string(
            "{% from 'bootstrap5/form.html' import render_form %}{{ render_form(form) }}", form=form
        )

    page = (await browser.get("/")).text
    assert 'class="form-control"' in page
    assert 'class="form-check-input"' in page
    assert "This field is required." in (await browser.post("/", form={"name": ""})).text


@pytest.mark.quart
async def test_a_form_is_rendered_by_quart(app, browser, bootstrap):
    from quart import render_template_string as render

    @app.route("/")
    async def index():
        return await render(
            "{% from 'bootstrap5/form.html' import render_field %}{{ render_field(form.name) }}",
            form=LoginForm(),
        )

    assert 'class="form-control"' in (await browser.get("/")).text


async def test_messages_are_rendered(app, browser, bootstrap, view):
    @app.route("/")
    @view
    def index():
        flash("saved", "success")
        return render_template_string(
            "{% from 'bootstrap5/utils.html' import render_messages %}{{ render_messages() }}"
        )

    page = (await browser.get("/")).text
    assert "alert-success" in page
    assert "saved" in page


async def test_a_navigation_item_knows_its_page(app, browser, bootstrap, view):
    @app.route("/home")
    @view
    def home():
        return render_template_string(
            "{% from 'bootstrap5/nav.html' import render_nav_item %}"
            "{{ render_nav_item('home', 'Home') }}"
            "{{ render_nav_item('static', 'S', filename='x') }}"
        )

    page = (await browser.get("/home")).text
    assert page.count("active") == 1
    assert 'href="/home"' in page


async def test_a_table_and_its_pages_are_rendered(app, browser, bootstrap, view, tmp_path):
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/cats.db"
    db = SQLAlchemy(app)

    class Cat(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String)

    async with app_context(app):
        db.create_all()
        db.session.add_all(Cat(name=f"cat {n}") for n in range(1, 26))
        db.session.commit()

    @app.route("/")
    @view
    def index():
        page = db.paginate(db.select(Cat).order_by(Cat.id), per_page=10)
        return render_template_string(
            "{% from 'bootstrap5/table.html' import render_table %}"
            "{% from 'bootstrap5/pagination.html' import render_pagination %}"
            "{{ render_table(page.items) }}{{ render_pagination(page) }}",
            page=page,
        )

    page = (await browser.get("/?page=2")).text
    assert "cat 11" in page
    assert "cat 10" not in page
    assert '/?page=3"' in page
    async with app_context(app):
        db.engine.dispose()
