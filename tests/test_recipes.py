"""The recipes of a render: written as its page says, and run with what they speak to."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from baking import PYTHONS, Bake, BakedProject
from databases import ASYNCPG, database
from directory import shared_directory, write_settings
from identity import Person, providers
from interpreters import UV, find_python
from visitor import Visitor, first_user, free_port, serve
from walk import insert_after, read_recipe

pytestmark = pytest.mark.soak

PAGE = "docs/recipes.md"
REDIS = os.environ.get("TEST_REDIS_URL", "redis://localhost:6379/12")
CHECKS = (
    "ruff check --fix -q",
    "ruff format -q",
    "ruff check",
    "ruff format --check",
    "mypy",
    "pytest -q",
)
BOUND = {"Background jobs": "jobs", "Metrics": "metrics", "Sentry": "sentry"}


class Project(BakedProject):
    """A project on a machine that has uv, in which all recipes have been followed."""

    @property
    def env(self) -> dict[str, str]:
        return super().env | {"PATH": f"{Path(UV).parent}:{os.environ['PATH']}"}

    def follow(self, chapter: str, name: str) -> None:
        """Do what a chapter says."""
        read_recipe(self, chapter, PAGE).follow()
        app = self.path / "src" / self.slug / "app.py"
        if name == "jobs":
            insert_after(app, "from .security import HEADERS\n", "from .jobs import jobs\n")
        else:
            insert_after(app, "from . import account", f", {name}")
        after = "    load_settings(app, config.read, settings)\n"
        place = after if name == "sentry" else "    csrf.init_app(app)\n"
        insert_after(app, place, f"    {name}.init_app(app)\n")

    def tool(self, name: str) -> str:
        """Return a command of the project's environment."""
        return str(self.path / ".venv" / "bin" / name)


@pytest.fixture(scope="module", params=["sql", "memory", "ldap", "oidc"])
def project(
    request: pytest.FixtureRequest, bake_session: Bake, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """A project that has followed every recipe, and passes its own checks."""
    baked = bake_session(user_backend=request.param)
    folder = tmp_path_factory.mktemp(f"recipes-{request.param}") / baked.slug
    project = Project(Path(shutil.copytree(baked.path, folder)), baked.answers)
    project.run("uv", "sync", "--quiet", "--python", find_python(PYTHONS[-1]))
    project.run("git", "init", "--quiet")
    write_settings(project.path / ".env", {"JOBS_URL": "redis://localhost:6379/1"})  # as it says
    for chapter, name in BOUND.items():
        project.follow(chapter, name)
    for check in CHECKS:
        project.run("sh", "-c", f"uv run {check}")
    return project


@pytest.fixture
def port() -> int:
    """Where the project is served."""
    return free_port()


@pytest.fixture
def settings(project: Project, port: int, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A database of its own for a project that has one, and a queue nobody else uses.

    Where users are another system's, it is there.
    """
    try:
        redis.Redis.from_url(REDIS).ping()
    except redis.RedisError as error:
        pytest.skip(f"Redis does not answer at {REDIS} (TEST_REDIS_URL): {error}")
    given, backend = {"JOBS_URL": REDIS, "LOG_LEVEL": "INFO"}, project.answers["user_backend"]
    with ExitStack() as stack:
        if backend == "ldap":
            given |= shared_directory().settings
        if backend == "oidc":
            app = f"http://localhost:{port}"
            (company,) = stack.enter_context(providers(app, tmp_path, "company"))
            given |= company.env
        if backend != "memory":
            url = stack.enter_context(database(ASYNCPG, tmp_path))
            address = url.set(drivername="postgresql").render_as_string(hide_password=False)
            given["DATABASE_URL"] = address
            project.run(project.tool("quart"), "db", "upgrade", env=given)
        yield given
    redis.Redis.from_url(REDIS).delete(f"{project.slug}_jobs")


def enter(project: Project, settings: dict[str, str], url: str) -> tuple[Visitor, str, str]:
    """Log somebody in; return their browser, name and password, which are a provider's own."""
    if project.answers["user_backend"] == "oidc":
        person = Person(url)
        assert person.come_in("alice").status_code == 200
        return person, "alice", settings["OIDC_COMPANY_CLIENT_SECRET"]
    name, password = first_user(project, project.tool("quart"), **settings)
    visitor = Visitor(url)
    assert visitor.login(name, password).status_code == 200
    return visitor, name, password


@contextmanager
def running(project: Project, env: dict[str, str], *command: str) -> Iterator[Callable[[], str]]:
    """Run a command until the block ends; give what it has printed."""
    log = project.path / f"{uuid.uuid4().hex}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=project.path, env=project.env | env, stdout=output, stderr=output
        )
    try:
        yield log.read_text
    finally:
        process.terminate()
        process.wait(20)


def wait_for(condition: Callable[[], bool], printed: Callable[[], str]) -> None:
    """Return when it is so."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, printed()
        time.sleep(0.1)


ROWS = """
import asyncio
from {slug}.asgi import app
from {slug}.extensions import db
from {slug}.jobs import jobs, JOB
from {slug}.models import User
from flask_patch import hosted

@hosted
async def main():
    async with app.app_context():
        db.session.add_all(User(name=f"u{{n}}", key=f"u{{n}}", password="!") for n in range(100))
        db.session.commit()
        await jobs.broker.startup()
        for user in db.session.query(User).filter(User.password == "!"):
            await JOB.kiq(ARGUMENTS)
        await jobs.broker.shutdown()

asyncio.run(main())
"""
GREETED = ROWS.replace("JOB", "greet").replace("ARGUMENTS", "user.id")
SEND = {
    "sql": ROWS.replace("JOB", "set_email").replace(
        "ARGUMENTS", 'user.id, f"{{user.name}}@example.com"'
    ),
    "ldap": GREETED,
    "oidc": GREETED,
    "memory": """
import asyncio
from {slug}.asgi import app
from {slug}.jobs import greet, jobs

async def main():
    await jobs.broker.startup()
    for n in range(100):
        await greet.kiq(f"u{{n}}")
    await jobs.broker.shutdown()

asyncio.run(main())
""",
}
COUNT = """
from {slug}.asgi import app
from {slug}.extensions import db
from {slug}.models import User

with app.app_context():
    print(db.session.query(User).filter(User.email == User.name + "@example.com").count())
"""


def python(project: Project, script: str, env: dict[str, str]) -> str:
    """Run a script in the project."""
    text = script.replace("{{", "{").replace("}}", "}").replace("{slug}", project.slug)
    return project.run(project.tool("python"), "-c", text, env=env).stdout


def test_a_worker_does_a_hundred_jobs_and_one_that_a_view_has_sent(
    project: Project, settings: dict[str, str], port: int
) -> None:
    backend = project.answers["user_backend"]
    python(project, SEND[backend], settings)  # before any worker has been there
    worker = (project.tool("taskiq"), "worker", f"{project.slug}.worker:broker", "--workers", "1")
    command = (project.tool("quart"), "run", "--port", str(port))
    env = project.env | settings
    with (
        running(project, settings, *worker) as printed,
        serve(project.path, *command, port=port, env=env) as url,
    ):
        visitor, name, _password = enter(project, settings, url)
        address = f"{name}@example.com"
        action = "/email" if backend == "sql" else "/greeting"
        assert visitor.submit("/home", action, email=address).url.path == "/home"
        visitor.client.close()
        if backend == "sql":
            wait_for(lambda: python(project, COUNT, settings) == "101\n", printed)
        else:
            greeted = {*(f"u{n}" for n in range(100)), name}
            wait_for(lambda: {*re.findall(r"Hello, (\w+)", printed())} == greeted, printed)
    assert "Traceback" not in printed()


def test_metrics_count_what_all_workers_have_answered(
    project: Project, settings: dict[str, str], port: int, tmp_path: Path
) -> None:
    headers, quart = {}, (project.tool("quart"), "run", "--port", str(port))
    if project.answers["user_backend"] != "memory":
        with serve(project.path, *quart, port=port, env=project.env | settings) as url:
            visitor, name, _password = enter(project, settings, url)
            visitor.client.close()
        words = ("users", "token", "add", "--days", "365", name, "prometheus")
        token = project.run(project.tool("quart"), *words, env=settings).stdout.strip()
        headers["Authorization"] = f"Bearer {token}"
    folder = tmp_path / "figures"
    folder.mkdir()
    server = ("--workers", "2", "--bind", f"localhost:{port}", f"{project.slug}.asgi:app")
    command = (project.tool("hypercorn"), *server)
    env = project.env | settings | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    # Hypercorn's signal may reach the second worker while it closes its event loop: a traceback.
    with serve(project.path, *command, port=port, env=env, faults=True) as url:
        for _ in range(50):  # each by a connection of its own, which any worker may take
            assert httpx.get(f"{url}/").status_code == 200
        httpx.get(f"{url}/nowhere")
        if headers:
            assert httpx.get(f"{url}/metrics").status_code == 401
        text = httpx.get(f"{url}/metrics", headers=headers).text
    counted = r'http_request_seconds_count\{endpoint="%s",status="%d"\} (\d+)\.0'
    assert re.findall(counted % ("login.login", 200), text) == ["50"]
    assert re.findall(counted % ("none", 404), text) == ["1"]


class Endpoint(BaseHTTPRequestHandler):
    """Takes what Sentry's clients send."""

    events: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.events += [json.loads(line) for line in body.splitlines() if line.startswith(b'{"')]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


FAULT = """

import quart


@bp.post("/fault")
async def fault() -> str:
    form = await quart.request.form
    password = form["password"]
    raise RuntimeError(f"A fault of {len(password)} letters")
"""


def is_served(url: str) -> bool:
    """Return whether a server answers."""
    try:
        return httpx.get(f"{url}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_fault_is_reported_and_no_secret(
    project: Project, settings: dict[str, str], port: int
) -> None:
    with (project.path / "src" / project.slug / "pages.py").open("a") as pages:
        pages.write(FAULT)
    url = f"http://localhost:{port}"
    Endpoint.events = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as endpoint:
        threading.Thread(target=endpoint.serve_forever).start()
        given = settings | {"SENTRY_DSN": f"http://public@127.0.0.1:{endpoint.server_port}/1"}
        server = ("--bind", url.removeprefix("http://"), f"{project.slug}.asgi:app")
        with running(project, given, project.tool("hypercorn"), *server) as printed:
            wait_for(lambda: is_served(url), printed)
            visitor, _name, password = enter(project, settings, url)
            assert visitor.submit("/home", "/fault", password="our secret").status_code == 500
            cookies = [str(cookie.value) for cookie in visitor.client.cookies.jar]
            visitor.client.close()
            wait_for(lambda: any("exception" in event for event in Endpoint.events), printed)
        endpoint.shutdown()
    (event,) = (event for event in Endpoint.events if "exception" in event)
    (fault,) = event["exception"]["values"]
    assert (fault["type"], fault["value"]) == ("RuntimeError", "A fault of 10 letters")
    assert (event["transaction"], event["environment"]) == ("pages.fault", "development")
    sent = json.dumps(Endpoint.events)
    kept = [value for name, value in settings.items() if name.endswith(("_PASSWORD", "_SECRET"))]
    for secret in ("our secret", password, *kept, *cookies):
        assert secret not in sent
