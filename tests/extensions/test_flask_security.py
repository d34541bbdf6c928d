"""Flask-Security: registration, login, tokens, roles, commands."""

from __future__ import annotations

import re

import pytest
from flask import render_template_string
from flask_mailman import Mail
from flask_security import (
    Security,
    SQLAlchemyUserDatastore,
    auth_required,
    auth_token_required,
    current_user,
    hash_password,
    roles_required,
)
from flask_security.models import fsqla_v3 as fsqla
from flask_sqlalchemy import SQLAlchemy

import smtp
from harness import app_context

MAIL, PASSWORD = "ann@example.org", "a long password"
QUICK = {
    "SECURITY_PASSWORD_SALT": "1234567890",
    "SECURITY_PASSWORD_HASH": "plaintext",
    "SECURITY_PASSWORD_SCHEMES": ["plaintext"],
    "SECURITY_HASHING_SCHEMES": ["plaintext"],
    "SECURITY_DEPRECATED_HASHING_SCHEMES": [],
}


@pytest.fixture
async def secured(app, tmp_path):
    app.config.update(
        QUICK,
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/users.db",
        SECURITY_REGISTERABLE=True,
        SECURITY_RECOVERABLE=True,
        SECURITY_CHANGEABLE=True,
        SECURITY_SEND_REGISTER_EMAIL=False,
        SECURITY_SEND_PASSWORD_RESET_NOTICE_EMAIL=False,
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
        WTF_CSRF_ENABLED=False,
    )
    db = SQLAlchemy(app)
    fsqla.FsModels.set_db_info(db)

    class Role(db.Model, fsqla.FsRoleMixin):
        pass

    class User(db.Model, fsqla.FsUserMixin):
        pass

    store = SQLAlchemyUserDatastore(db, User, Role)
    app.security = Security(app, store)
    async with app_context(app):
        db.create_all()
        store.find_or_create_role("admin")
        store.create_user(email=MAIL, password=hash_password(PASSWORD))
        db.session.commit()
    yield app
    async with app_context(app):
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def page(secured, view):
    @secured.route("/page")
    @auth_required()
    @view
    def page():
        return f"hello {current_user.email}"

    return page


async def log_in(browser, password: str = PASSWORD):
    return await browser.post("/login", form={"email": MAIL, "password": password})


async def test_a_stranger_is_sent_to_the_login_page(browser, page):
    reply = await browser.get("/page")
    assert reply.status == 302
    assert reply.location.startswith("/login?next=")
    assert 'name="password"' in (await browser.get("/login")).text


async def test_a_user_logs_in_and_out(browser, page):
    assert (await log_in(browser)).status == 302
    assert (await browser.get("/page")).text == f"hello {MAIL}"
    await browser.post("/logout")
    assert (await browser.get("/page")).status == 302


async def test_a_wrong_password_is_refused(browser, page):
    reply = await log_in(browser, "wrong password")
    assert reply.status == 200
    assert 'name="password"' in reply.text
    assert (await browser.get("/page")).status == 302


async def test_a_user_registers(browser, page):
    form = {"email": "new@example.org", "password": PASSWORD, "password_confirm": PASSWORD}
    assert (await browser.post("/register", form=form)).status == 302
    assert (await browser.get("/page")).text == "hello new@example.org"


async def test_a_login_in_json_gives_a_token(secured, browser, view):
    @secured.route("/api")
    @auth_token_required
    @view
    def api():
        return {"user": current_user.email}

    body = {"email": MAIL, "password": PASSWORD}
    reply = await browser.post("/login?include_auth_token", json=body)
    token = reply.json["response"]["user"]["authentication_token"]
    browser.forget("session")
    headers = {"Authentication-Token": token, "Accept": "application/json"}
    assert (await browser.get("/api", headers=headers)).json == {"user": MAIL}
    headers["Authentication-Token"] = "forged"
    assert (await browser.get("/api", headers=headers)).status == 401


async def test_basic_authentication_opens_a_view(secured, browser, view):
    from base64 import b64encode

    from flask_security import http_auth_required

    @secured.route("/basic")
    @http_auth_required
    @view
    def basic():
        return current_user.email

    def header(password):
        return {"Authorization": "Basic " + b64encode(f"{MAIL}:{password}".encode()).decode()}

    assert (await browser.get("/basic", headers=header(PASSWORD))).text == MAIL
    assert (await browser.get("/basic", headers=header("wrong"))).status == 401


async def test_a_role_is_needed(secured, browser, view):
    @secured.route("/admin")
    @auth_required()
    @roles_required("admin")
    @view
    def admin():
        return "admin"

    await log_in(browser)
    accept = {"headers": {"Accept": "application/json"}}
    assert (await browser.get("/admin", **accept)).status == 403
    async with app_context(secured):
        store = secured.security.datastore
        store.add_role_to_user(store.find_user(email=MAIL), "admin")
        store.commit()
    assert (await browser.get("/admin")).text == "admin"


async def test_a_password_is_changed(secured, browser, page):
    secured.config["SECURITY_SEND_PASSWORD_CHANGE_EMAIL"] = False
    await log_in(browser)
    new = "another long password"
    form = {"password": PASSWORD, "new_password": new, "new_password_confirm": new}
    assert (await browser.post("/change", form=form)).status == 302
    await browser.post("/logout")
    await log_in(browser)
    assert (await browser.get("/page")).status == 302
    await log_in(browser, new)
    assert (await browser.get("/page")).status == 200


async def test_a_forgotten_password_is_reset_by_mail(secured, browser, page):
    sink, controller = smtp.start()
    try:
        secured.config.update(
            MAIL_SERVER="127.0.0.1", MAIL_PORT=controller.port, MAIL_BACKEND="smtp"
        )
        Mail(secured)
        await browser.post("/reset", form={"email": MAIL})
    finally:
        controller.stop()
    text = sink.messages[0].get_body(["plain"]).get_content()
    path = re.search(r"http://localhost(/reset/\S+)", text)[1]
    new = "another long password"
    await browser.post(path, form={"password": new, "password_confirm": new})
    await browser.post("/logout")
    await log_in(browser, new)
    assert (await browser.get("/page")).status == 200


async def test_templates_know_the_user(secured, browser, view):
    @secured.route("/name")
    @view
    def name():
        return render_template_string("{{ current_user.email or 'nobody' }}")

    await log_in(browser)
    assert (await browser.get("/name")).text == MAIL


async def test_a_signal_tells_of_a_registration(secured, browser):
    from flask_security import user_registered

    heard = []

    def hear(sender, user, **extra):
        heard.append(user.email)

    form = {"email": "new@example.org", "password": PASSWORD, "password_confirm": PASSWORD}
    with user_registered.connected_to(hear, secured):
        await browser.post("/register", form=form)
    assert heard == ["new@example.org"]


def test_commands_manage_users_and_roles(app, tmp_path):
    app.config.update(
        QUICK,
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/cli.db",
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
    )
    db = SQLAlchemy(app)
    fsqla.FsModels.set_db_info(db)

    class Role(db.Model, fsqla.FsRoleMixin):
        pass

    class User(db.Model, fsqla.FsUserMixin):
        pass

    Security(app, SQLAlchemyUserDatastore(db, User, Role))
    app.cli.command("create-db")(db.create_all)
    runner = app.test_cli_runner()

    def run(*args):
        result = runner.invoke(args=args)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    run("create-db")
    assert "created successfully" in run("users", "create", MAIL, "--password", PASSWORD, "-a")
    run("roles", "create", "admin")
    assert "admin" in run("roles", "add", MAIL, "admin")
    assert "deactivated" in run("users", "deactivate", MAIL)
