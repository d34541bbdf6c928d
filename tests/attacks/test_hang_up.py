"""Clients that leave at each step: what was done is in the log once, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest
from attacks.attacked import CLIENTS, Attacked, assert_guesses_are_logged, attacked, leave
from attacks.slow import slow_line
from baking import PYTHONS
from directory import shared_directory
from test_projects import Install, install  # noqa: F401  # a fixture is one of them

pytestmark = [pytest.mark.slow, pytest.mark.soak]

RUNS = [
    *(("sql", server, python) for server in ("hypercorn", "uvicorn") for python in PYTHONS[::2]),
    *(("ldap", server, PYTHONS[-1]) for server in ("hypercorn", "uvicorn")),
]


@pytest.fixture(scope="module", params=RUNS, ids="-".join)
def app(
    request: pytest.FixtureRequest,
    install: Install,  # noqa: F811  # the fixture, by its name
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Attacked]:
    backend, server, python = request.param
    env: dict[str, str] = {}
    with ExitStack() as stack:
        if backend == "ldap":
            # The directory takes its time, so that clients leave while it is asked.
            port = stack.enter_context(slow_line(shared_directory().port, 0.005))
            env = {**shared_directory().settings, "LDAP_URL": f"ldap://localhost:{port}"}
        folder = tmp_path_factory.mktemp("instance")
        yield stack.enter_context(attacked(install(backend, python), folder, server, **env))


def test_guess_that_is_counted_is_logged(app: Attacked) -> None:
    assert_guesses_are_logged(app)


def test_login_that_is_kept_is_logged(app: Attacked) -> None:
    name, password = app.user()
    for _ in range(CLIENTS):
        client = app.client()
        leave(client, "/", csrf_token=client.token(), username=name, password=password)
    logged = app.lines(name)
    assert set(logged) <= {"login", "login cut off"}
    assert logged["login"] == app.sessions(name)


@pytest.mark.parametrize(
    ("path", "event"),
    [("/logout", "logout"), ("/account/sessions/{id}/end", "session ended")],
)
def test_login_that_is_ended_is_logged(app: Attacked, path: str, event: str) -> None:
    name, password = app.user()
    clients = app.logged_in(name, password)
    ids = str(app.ask("group_concat(login_sessions.id)", name)).split(",")
    for client, own in zip(clients, sorted(ids, key=int), strict=True):
        leave(client, path.format(id=own), csrf_token=client.token())
    logged = app.lines(name)
    assert set(logged) <= {"login", event}
    assert app.sessions(name) == CLIENTS - logged[event]


def test_all_logins_that_are_ended_are_logged(app: Attacked) -> None:
    name, password = app.user()
    for _ in range(CLIENTS // 2):
        client, ended = app.client(), app.lines(name)["all sessions ended"]
        client.log_in(name, password)
        sessions = app.sessions(name)
        leave(client, "/account/sessions/end", csrf_token=client.token())
        ended = app.lines(name)["all sessions ended"] - ended
        assert app.sessions(name) == (0 if ended else sessions)


def test_password_that_is_changed_is_logged(app: Attacked) -> None:
    if app.project.answers["user_backend"] == "ldap":
        pytest.skip("the password is the directory's")
    name, password = app.user()
    for _ in range(CLIENTS // 2):
        client, changed = app.client(), app.lines(name)["password changed"]
        client.log_in(name, password)
        new, stored = uuid4().hex, app.ask("password", name)
        fields = {"current": password, "password": new, "confirm": new}
        leave(client, "/account/password", csrf_token=client.token(), **fields)
        changed = app.lines(name)["password changed"] - changed
        assert changed == (app.ask("password", name) != stored)
        password = new if changed else password
    app.client().log_in(name, password)


def test_remembered_login_that_is_resumed_is_logged(app: Attacked) -> None:
    name, password = app.user()
    for client in app.logged_in(name, password, remember="y"):
        for cookie in [one for one in client.cookies if one.endswith("_session")]:
            del client.cookies[cookie]
        leave(client, "/protected")
    logged = app.lines(name)
    assert set(logged) <= {"login", "login resumed"}
    # Each exchange leaves the login that there was, and makes another.
    assert app.sessions(name) == CLIENTS + logged["login resumed"]
