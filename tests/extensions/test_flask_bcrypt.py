"""Flask-Bcrypt: hashing and checking passwords."""

from __future__ import annotations

import pytest
from flask import request
from flask_bcrypt import Bcrypt, check_password_hash, generate_password_hash


@pytest.fixture
def bcrypt(app):
    app.config["BCRYPT_LOG_ROUNDS"] = 4
    return Bcrypt(app)


def test_a_password_is_hashed_and_checked(bcrypt):
    hashed = bcrypt.generate_password_hash("hunter2")
    assert bcrypt.check_password_hash(hashed, "hunter2")
    assert not bcrypt.check_password_hash(hashed, "hunter3")


def test_the_rounds_come_from_the_app(bcrypt):
    assert bcrypt.generate_password_hash("hunter2").startswith(b"$2b$04$")


def test_the_functions_work_without_an_app():
    assert check_password_hash(generate_password_hash("hunter2", 4), "hunter2")


async def test_a_login_view_checks_a_password(app, browser, bcrypt, view):
    stored = bcrypt.generate_password_hash("sesame")

    @app.route("/login", methods=["POST"])
    @view
    def login():
        if bcrypt.check_password_hash(stored, request.form["password"]):
            return "welcome"
        return "no", 401

    assert (await browser.post("/login", form={"password": "sesame"})).text == "welcome"
    assert (await browser.post("/login", form={"password": "wrong"})).status == 401


async def test_long_passwords_are_told_apart_when_asked_for(app, browser, view):
    app.config.update(BCRYPT_LOG_ROUNDS=4, BCRYPT_HANDLE_LONG_PASSWORDS=True)
    bcrypt = Bcrypt(app)

    @app.route("/")
    @view
    def index():
        hashed = bcrypt.generate_password_hash("x" * 100)
        return str(bcrypt.check_password_hash(hashed, "x" * 99))

    assert (await browser.get("/")).text == "False"


@pytest.mark.quart
async def test_hashing_in_a_thread_uses_the_app(app, browser, bcrypt):
    from quart.utils import run_sync

    @app.route("/")
    async def index():
        hashed = await run_sync(bcrypt.generate_password_hash)("hunter2")
        return str(await run_sync(bcrypt.check_password_hash)(hashed, "hunter2"))

    assert (await browser.get("/")).text == "True"
