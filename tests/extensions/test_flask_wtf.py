"""Flask-WTF: forms, CSRF protection, uploads."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from flask import render_template_string, request, session
from flask_wtf import CSRFProtect, FlaskForm
from flask_wtf.csrf import generate_csrf
from flask_wtf.file import FileAllowed, FileField, FileRequired, MultipleFileField
from werkzeug.datastructures import FileStorage
from wtforms import IntegerField, StringField, SubmitField
from wtforms.validators import DataRequired, Email, NumberRange, ValidationError

from harness import Browser, Meeting


class NameForm(FlaskForm):
    name = StringField("Name", validators=[DataRequired()])
    submit = SubmitField("Send")


class PersonForm(FlaskForm):
    mail = StringField(validators=[Email()])
    age = IntegerField(validators=[NumberRange(min=18)])

    def validate_mail(self, field):
        if field.data.startswith("root@"):
            raise ValidationError(f"not {field.data} at {request.path}")


class UploadForm(FlaskForm):
    photo = FileField(validators=[FileRequired(), FileAllowed(["png"])])


PAGE = "{{ form.name.label }}{{ form.name() }}{{ form.csrf_token if form.csrf_token }}"


def upload(name: str, content: bytes) -> FileStorage:
    return FileStorage(BytesIO(content), filename=name, name="photo")


def token_in(page: str) -> str:
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]


@pytest.fixture
def plain(app):
    """Turn CSRF protection off."""
    app.config["WTF_CSRF_ENABLED"] = False
    return app


async def test_a_form_is_shown_and_submitted(plain, browser, view):
    @plain.route("/", methods=["GET", "POST"])
    @view
    def index():
        form = NameForm()
        if form.validate_on_submit():
            return f"hello {form.name.data}"
        return render_template_string(PAGE, form=form)

    assert (await browser.get("/")).text == (
        '<label for="name">Name</label><input id="name" name="name" required type="text" value="">'
    )
    assert (await browser.post("/", form={"name": "bob"})).text == "hello bob"


@pytest.mark.quart
async def test_an_async_view_that_never_reads_the_body_submits_a_form(plain, browser):
    from quart import render_template_string as render

    @plain.route("/", methods=["GET", "POST"])
    async def index():
        form = NameForm()
        if form.validate_on_submit():
            return form.name.data
        return await render(PAGE, form=form)

    assert "<label" in (await browser.get("/")).text
    assert (await browser.post("/", form={"name": "bob"})).text == "bob"


@pytest.mark.quart
async def test_a_form_is_made_of_what_an_async_view_awaited(plain, browser):
    from quart import request as quart_request

    @plain.route("/", methods=["POST"])
    async def index():
        form = NameForm(await quart_request.form)
        return str(form.validate()) + form.name.data

    assert (await browser.post("/", form={"name": "bob"})).text == "Truebob"


async def test_a_missing_field_is_an_error(plain, browser, view):
    @plain.route("/", methods=["POST"])
    @view
    def index():
        form = NameForm()
        return {"ok": form.validate_on_submit(), "errors": form.errors}

    reply = await browser.post("/", form={"name": ""})
    assert reply.json == {"ok": False, "errors": {"name": ["This field is required."]}}


async def test_validators_and_inline_validators_run(plain, browser, view):
    @plain.route("/person", methods=["POST"])
    @view
    def person():
        form = PersonForm()
        return {"ok": form.validate_on_submit(), "errors": form.errors}

    good = await browser.post("/person", form={"mail": "a@example.org", "age": "20"})
    assert good.json == {"ok": True, "errors": {}}
    bad = await browser.post("/person", form={"mail": "root@example.org", "age": "3"})
    assert bad.json["errors"]["mail"] == ["not root@example.org at /person"]
    assert bad.json["errors"]["age"] == ["Number must be at least 18."]


async def test_a_json_body_fills_a_form(plain, browser, view):
    @plain.route("/", methods=["POST"])
    @view
    def index():
        form = NameForm()
        return form.name.data if form.validate_on_submit() else "bad"

    assert (await browser.post("/", json={"name": "json bob"})).text == "json bob"


async def test_a_query_fills_a_form_that_is_given_it(plain, browser, view):
    @plain.route("/")
    @view
    def index():
        form = NameForm(request.args)
        return f"{form.validate()} {form.name.data}"

    assert (await browser.get("/?name=bob")).text == "True bob"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_other_methods_submit_forms(plain, browser, view, method):
    @plain.route("/", methods=[method])
    @view
    def index():
        form = NameForm()
        return f"{form.is_submitted()} {form.validate_on_submit()}"

    assert (await browser.open(method, "/", form={"name": "bob"})).text == "True True"


async def test_an_upload_reaches_its_field(plain, browser, view):
    @plain.route("/", methods=["POST"])
    @view
    def index():
        form = UploadForm()
        if not form.validate_on_submit():
            return form.errors, 400
        return f"{form.photo.data.filename} {len(form.photo.data.read())}"

    reply = await browser.post("/", files={"photo": upload("cat.png", b"x" * 5000)})
    assert reply.text == "cat.png 5000"
    assert (await browser.post("/", files={"photo": upload("cat.exe", b"x")})).status == 400
    assert (await browser.post("/", form={})).status == 400


async def test_an_upload_is_saved(plain, browser, view, tmp_path):
    @plain.route("/", methods=["POST"])
    @view
    def index():
        form = UploadForm()
        assert form.validate_on_submit()
        form.photo.data.save(tmp_path / "cat.png")
        return "saved"

    assert (await browser.post("/", files={"photo": upload("a.png", b"meow")})).text == "saved"
    assert (tmp_path / "cat.png").read_bytes() == b"meow"


async def test_a_field_of_many_files_takes_one(plain, browser, view):
    class Album(FlaskForm):
        photos = MultipleFileField()

    @plain.route("/", methods=["POST"])
    @view
    def index():
        return str([photo.filename for photo in Album().photos.data])

    assert (await browser.post("/", files={"photos": upload("a.png", b"a")})).text == "['a.png']"


async def test_too_large_a_form_is_413(plain, browser, view):
    plain.config["MAX_CONTENT_LENGTH"] = 100

    @plain.route("/", methods=["POST"])
    @view
    def index():
        return str(NameForm().validate_on_submit())

    assert (await browser.post("/", form={"name": "x" * 50})).text == "True"
    assert (await browser.post("/", form={"name": "x" * 500})).status == 413


async def test_a_form_needs_its_token(app, browser, view):
    @app.route("/", methods=["GET", "POST"])
    @view
    def index():
        form = NameForm()
        if form.validate_on_submit():
            return form.name.data
        if form.errors:
            return form.errors
        return render_template_string(PAGE, form=form)

    token = token_in((await browser.get("/")).text)
    assert (await browser.post("/", form={"name": "bob", "csrf_token": token})).text == "bob"
    missing = await browser.post("/", form={"name": "bob"})
    assert missing.json == {"csrf_token": ["The CSRF token is missing."]}
    wrong = await browser.post("/", form={"name": "bob", "csrf_token": "forged"})
    assert wrong.json == {"csrf_token": ["The CSRF token is invalid."]}


async def test_a_token_of_another_session_is_refused(app, view):
    @app.route("/", methods=["GET", "POST"])
    @view
    def index():
        form = NameForm()
        if form.validate_on_submit():
            return "accepted"
        return form.errors or render_template_string(PAGE, form=form)

    mine, theirs = Browser(app), Browser(app)
    token = token_in((await theirs.get("/")).text)
    await mine.get("/")
    reply = await mine.post("/", form={"name": "bob", "csrf_token": token})
    assert reply.json == {"csrf_token": ["The CSRF tokens do not match."]}


@pytest.fixture
def protected(app):
    csrf = CSRFProtect(app)

    @app.route("/token")
    def token():
        return generate_csrf()

    return csrf


async def test_protection_covers_views_without_forms(app, browser, protected, view):
    @app.route("/save", methods=["POST"])
    @view
    def save():
        return f"saved {request.form['text']}"

    assert (await browser.post("/save", form={"text": "a"})).status == 400
    token = (await browser.get("/token")).text
    reply = await browser.post("/save", form={"text": "a", "csrf_token": token})
    assert reply.text == "saved a"


@pytest.mark.quart
async def test_protection_leaves_the_form_to_an_async_view(app, browser, protected):
    from quart import request as quart_request

    @app.route("/save", methods=["POST"])
    async def save():
        return f"saved {(await quart_request.form)['text']}"

    token = (await browser.get("/token")).text
    reply = await browser.post("/save", form={"text": "a", "csrf_token": token})
    assert reply.text == "saved a"


async def test_protection_takes_the_token_from_a_header(app, browser, protected, view):
    @app.route("/save", methods=["POST"])
    @view
    def save():
        return request.json["text"]

    token = (await browser.get("/token")).text
    assert (await browser.post("/save", json={"text": "a"})).status == 400
    reply = await browser.post("/save", json={"text": "a"}, headers={"X-CSRFToken": token})
    assert reply.text == "a"


async def test_protection_checks_the_referrer_on_https(app, browser, protected, view):
    @app.route("/save", methods=["POST"])
    @view
    def save():
        return "saved"

    token = (await browser.get("/token", scheme="https")).text

    async def save_from(referrer):
        headers = {"X-CSRFToken": token, "Referer": referrer, "Host": "localhost"}
        return (await browser.post("/save", scheme="https", headers=headers)).status

    assert await save_from("https://localhost/token") == 200
    assert await save_from("https://evil.example/") == 400


async def test_views_and_blueprints_are_exempted(app, browser, protected, view):
    from flask import Blueprint

    api = Blueprint("api", "api")

    @api.route("/api", methods=["POST"])
    @view
    def endpoint():
        return "api"

    @app.route("/hook", methods=["POST"])
    @protected.exempt
    @view
    def hook():
        return "hook"

    app.register_blueprint(api)
    protected.exempt(api)
    assert (await browser.post("/hook")).text == "hook"
    assert (await browser.post("/api")).text == "api"


async def test_an_error_handler_answers_a_refusal(app, browser, protected, view):
    from flask_wtf.csrf import CSRFError

    @app.errorhandler(CSRFError)
    @view
    def refuse(error):
        return error.description, 418

    @app.route("/save", methods=["POST"])
    @view
    def save():
        return "saved"

    reply = await browser.post("/save")
    assert (reply.status, reply.text) == (418, "The CSRF token is missing.")


async def test_templates_have_the_token(app, browser, protected, view):
    @app.route("/")
    @view
    def index():
        return render_template_string('<input name="csrf_token" value="{{ csrf_token() }}">')

    @app.route("/save", methods=["POST"])
    @view
    def save():
        return "saved"

    token = token_in((await browser.get("/")).text)
    assert (await browser.post("/save", form={"csrf_token": token})).text == "saved"


async def test_protection_is_called_by_hand(app, browser, view):
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    csrf = CSRFProtect(app)

    @app.route("/checked", methods=["POST"])
    @view
    def checked():
        csrf.protect()
        return "reached"

    @app.route("/unchecked", methods=["POST"])
    @view
    def unchecked():
        return "reached"

    assert (await browser.post("/checked")).status == 400
    assert (await browser.post("/unchecked")).text == "reached"


async def test_a_method_view_takes_a_form(plain, browser, view):
    from flask.views import MethodView

    class Page(MethodView):
        get = view(lambda self: render_template_string(PAGE, form=NameForm()))
        post = view(lambda self: str(NameForm().validate_on_submit()))

    plain.add_url_rule("/", view_func=Page.as_view("page"))
    assert "<label" in (await browser.get("/")).text
    assert (await browser.post("/", form={"name": "bob"})).text == "True"


async def test_the_token_is_kept_in_the_session(app, browser, view):
    @app.route("/")
    @view
    def index():
        first, second = generate_csrf(), generate_csrf()
        return f"{first == second} {'csrf_token' in session}"

    assert (await browser.get("/")).text == "True True"


@pytest.mark.quart
async def test_waiting_form_views_overlap(plain):
    import asyncio

    meeting = Meeting(10)

    @plain.route("/", methods=["POST"])
    async def index():
        form = NameForm()
        valid = form.validate_on_submit()
        await meeting.join()
        return f"{valid} {form.name.data}"

    replies = await asyncio.gather(
        *(Browser(plain).post("/", form={"name": str(number)}) for number in range(10))
    )
    assert [reply.text for reply in replies] == [f"True {number}" for number in range(10)]


@pytest.mark.quart
async def test_a_body_in_small_pieces_is_awaited(plain):
    """The parser waits for each piece, also when sync code in a view asks for the form."""
    import asyncio

    @plain.route("/", methods=["POST"])
    async def index():
        form = NameForm()
        return f"{form.validate_on_submit()} {form.name.data}"

    headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": "8"}
    connection = plain.test_client().request("/", method="POST", headers=headers)
    async with connection:
        for piece in (b"na", b"me=", b"bob"):
            await connection.send(piece)
            await asyncio.sleep(0.01)
        await connection.send_complete()
    response = await connection.as_response()
    assert await response.get_data(as_text=True) == "True bob"
