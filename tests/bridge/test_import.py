"""Importing the bridge is all it takes, whatever was imported before."""

import subprocess
import sys
from pathlib import Path

import flask_patch

PACKAGE = Path(flask_patch.__file__).parents[1]

EARLY = """
import asyncio
from flask import Blueprint, Response, current_app, flash, g, get_flashed_messages
from flask import has_request_context, jsonify, make_response, render_template_string
from flask import request, request_started, session
from flask.cli import with_appcontext
from flask.views import MethodView
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_wtf import FlaskForm
from wtforms import StringField

import flask_patch
import quart

app = quart.Quart("app")
app.secret_key = "only for tests"
app.config["WTF_CSRF_ENABLED"] = False
app.config["PROPAGATE_EXCEPTIONS"] = True
manager = LoginManager(app)
bp = Blueprint("bp", "app")
heard = []
request_started.connect(lambda sender: heard.append(sender), weak=False)

class Form(FlaskForm):
    name = StringField()

class User(UserMixin):
    def __init__(self, id):
        self.id = id

manager.user_loader(User)

@bp.post("/login")
async def login():
    form = Form()
    login_user(User(form.name.data))
    flash("hello")
    return "logged in"

@bp.get("/sync")
@login_required
def sync():
    assert has_request_context() and session and g
    response = make_response(render_template_string("{{ current_user.id }} {{ request.path }}"))
    assert isinstance(response, Response)
    response.headers["X-Messages"] = str(get_flashed_messages())
    return response

@bp.get("/async")
@login_required
async def asynchronous():
    return jsonify(current_user.id)

class View(MethodView):
    async def get(self):
        return current_app.name

app.add_url_rule("/view", view_func=View.as_view("view"))
app.register_blueprint(bp)

@app.cli.command(with_appcontext=False)
@with_appcontext
def command():
    print(current_app.name)

async def main():
    client = app.test_client()
    assert (await client.get("/sync")).status_code == 401
    await client.post("/login", form={"name": "ann"})
    response = await client.get("/sync")
    assert await response.get_data() == b"ann /sync", await response.get_data()
    assert response.headers["X-Messages"] == "['hello']"
    assert await (await client.get("/async")).get_json() == "ann"
    assert await (await client.get("/view")).get_data() == b"app"
    assert len(heard) == 5

asyncio.run(main())
result = app.test_cli_runner().invoke(args=["command"])
assert result.output == "app\\n", result.output
print("done")
"""


def run(code: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code]
    return subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True)


def test_extensions_that_were_imported_earlier_work_too():
    result = run(EARLY)
    assert result.stdout == "done\n", result.stderr


def test_what_follows_the_patch_works_as_well():
    lines = EARLY.replace("import flask_patch\n", "")
    result = run("import flask_patch\n" + lines)
    assert result.stdout == "done\n", result.stderr


def test_the_bridge_imports_nothing_of_the_app():
    code = (
        "import sys; before = set(sys.modules); import flask_patch; "
        "print(sorted({n.split('.')[0] for n in set(sys.modules) - before} & {'app', 'users'}))"
    )
    assert run(code).stdout == "[]\n"


def test_asyncio_is_as_it_was():
    code = (
        "import asyncio, sys; names = dict(vars(asyncio)); import flask_patch; "
        "print([n for n, v in names.items() if vars(asyncio)[n] is not v])"
    )
    assert run(code).stdout == "[]\n"
