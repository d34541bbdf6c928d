"""Clients that leave Flask-Security's pages at each step: what was done is in the log, once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from attacks.attacked import CLIENTS, Attacked, assert_guesses_are_logged, attacked, leave
from baking import PYTHONS
from test_projects import Install, install  # noqa: F401  # a fixture is one of them

pytestmark = [pytest.mark.slow, pytest.mark.soak]

CONFIRMABLE = {"SECURITY_CONFIRMABLE": "false"}


@pytest.fixture(scope="module", params=["hypercorn", "uvicorn"])
def app(
    request: pytest.FixtureRequest,
    install: Install,  # noqa: F811  # the fixture, by its name
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Attacked]:
    project, folder = install("security", PYTHONS[-1]), tmp_path_factory.mktemp("instance")
    with attacked(project, folder, request.param, **CONFIRMABLE) as app:
        app.user()  # makes the tables
        yield app


def test_guess_that_is_counted_is_logged(app: Attacked) -> None:
    assert_guesses_are_logged(app)


def test_password_that_is_changed_is_logged(app: Attacked) -> None:
    name, password = app.user()
    for _ in range(CLIENTS):
        client, changed = app.client(), app.lines(name)["password changed"]
        client.log_in(name, password)
        new, stored = secrets.token_hex(12), app.ask("password", name)
        fields = {"password": password, "new_password": new, "new_password_confirm": new}
        leave(client, "/change", csrf_token=client.token(), **fields)
        changed = app.lines(name)["password changed"] - changed
        assert changed == (app.ask("password", name) != stored)
        password = new if changed else password
    app.client().log_in(name, password)


def test_logout_is_logged(app: Attacked) -> None:
    name, password = app.user()
    for _ in range(CLIENTS):
        client, ended = app.client(), app.lines(name)["logout"]
        client.log_in(name, password)
        token, stored = client.token(), app.ask("fs_uniquifier", name)
        leave(client, "/logout", csrf_token=token)
        ended = app.lines(name)["logout"] - ended
        assert ended == (app.ask("fs_uniquifier", name) != stored)


def test_sign_up_is_logged(app: Attacked) -> None:
    password = secrets.token_hex(12)
    for _ in range(CLIENTS):
        name, client = app.nobody(), app.client()
        form = {"email": name, "password": password, "password_confirm": password}
        leave(client, "/register", csrf_token=client.token(), **form)
        assert app.lines(name)["registered"] == app.ask("count(id)", name)
