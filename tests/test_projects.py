"""Rendered projects install, pass their own tests, and serve."""

from __future__ import annotations

import contextlib
import html
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
import yaml
from baking import OPTIONS, PYTHONS, ROOT, Bake, BakedProject
from directory import write_settings
from interpreters import UV, find_python
from visitor import assert_login_works, first_user, free_port, serve

pytestmark = pytest.mark.slow

BACKENDS = OPTIONS["user_backend"]
# Those whose users another system knows.
ASKING = ["ldap", "oidc"]
# Those that ask for a name and a password; where people log in at a provider, see test_oidc.py.
FORMS = [backend for backend in BACKENDS if backend != "oidc"]
NEWEST = PYTHONS[-1]


def soaked(backend: str, more: bool = True) -> list[pytest.MarkDecorator]:
    """Leave to CI what is `more` than one test of a backend that asks another system."""
    return [pytest.mark.soak] if more and backend in ASKING else []


SERVERS = {
    "quart": "quart run --port {port}",
    "hypercorn": "hypercorn --bind localhost:{port} {slug}.asgi:app",
    "uvicorn": "uvicorn --port {port} {slug}.asgi:app",
    "granian": "granian --interface asgi --port {port} {slug}.asgi:app",
}

SERVER_URLS = {
    "TEST_POSTGRES_URL": os.environ.get(
        "TEST_POSTGRES_URL", "postgresql://localhost:5432/postgres"
    ),
    "TEST_MARIADB_URL": os.environ.get("TEST_MARIADB_URL", "mysql://root@127.0.0.1:3306/mysql"),
}


Install = Callable[[str, str], BakedProject]


@pytest.fixture(scope="session")
def install(bake_session: Bake, tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Return a render of a backend, installed with its tools for a version of Python."""
    installed: dict[tuple[str, str], BakedProject] = {}

    def install(backend: str, python: str) -> BakedProject:
        if (backend, python) not in installed:
            source = bake_session(user_backend=backend)
            folder = tmp_path_factory.mktemp(f"{backend}-{python}") / source.slug
            project = BakedProject(Path(shutil.copytree(source.path, folder)), source.answers)
            project.run(UV, "sync", "--quiet", "--python", find_python(python))
            project.run(UV, "pip", "install", "--quiet", "uvicorn", "granian", "pytest-xdist")
            installed[backend, python] = project
        return installed[backend, python]

    return install


def tool(project: BakedProject, name: str) -> str:
    """Return a command of the project's environment."""
    return str(project.path / ".venv" / "bin" / name)


def need(server: str) -> None:
    """Skip the test where nobody listens at the address of a server."""
    url = urlsplit(server)
    default = 3306 if url.scheme == "mysql" else 5432
    try:
        socket.create_connection((url.hostname, url.port or default), timeout=5).close()
    except OSError as error:
        pytest.skip(f"{url.scheme} does not answer at {server}: {error}")


@pytest.fixture
def postgres() -> Iterator[str]:
    """The address of a fresh PostgreSQL database."""
    server = os.environ.get("TEST_POSTGRES_URL", "postgresql://localhost:5432/postgres")
    try:
        admin = psycopg.connect(server, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        pytest.skip(f"PostgreSQL does not answer at {server}: {error}")
    name = f"template_{uuid.uuid4().hex}"
    with admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        yield re.sub(r"/[^/?]*(\?|$)", rf"/{name}\1", server)
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.mark.parametrize(
    ("backend", "python"),
    [pytest.param(b, p, marks=soaked(b, p != NEWEST)) for b in BACKENDS for p in PYTHONS],
)
def test_rendered_suite_passes_on_every_service(
    backend: str, python: str, install: Install
) -> None:
    project = install(backend, python)
    # Coverage's tracer can hang in its table of greenlets (seen once in eight runs, on 3.11), so
    # the lines are counted for one Python alone.
    measured = python == PYTHONS[-1]
    options = ["--cov"] if measured else []
    printed = project.run(tool(project, "pytest"), "-q", *options).stdout
    assert re.search(r"^\d+ passed in", printed, re.M)
    assert not measured or "Required test coverage of 90.0% reached" in printed


def test_owners_suite_finds_a_secret_in_a_file_and_takes_no_example_for_one(
    install: Install, bake: Bake
) -> None:
    installed, project = install("sql", NEWEST), bake(user_backend="sql")
    (project.path / ".venv").symlink_to(installed.path / ".venv")
    test = "tests/test_security.py::test_no_tracked_file_holds_a_secret"
    command = (tool(project, "pytest"), "-q", test)
    project.run("git", "init", "--quiet")
    write_settings(project.path / ".env", {"RATELIMIT_STORAGE_URI": "redis://localhost:6379"})
    project.run(*command)
    for name, value in (
        ("MAIL_PASSWORD", "what only the mail server knows"),
        ("DATABASE_URL", "postgresql://app:what-only-it-knows@database/app"),
    ):
        write_settings(project.path / ".env", {name: value})
        (project.path / "notes.md").write_text(value, encoding="utf-8")
        done = project.run(*command, check=False)
        assert (done.returncode, "notes.md" in done.stdout) == (1, True)
        (project.path / "notes.md").unlink()


@pytest.mark.parametrize("url", ["TEST_POSTGRES_URL", "TEST_MARIADB_URL"])
def test_owners_suite_passes_on_another_database(url: str, install: Install) -> None:
    project, server = install("sql", PYTHONS[-1]), SERVER_URLS[url]
    need(server)
    printed = project.run(tool(project, "pytest"), "-q", env={"TEST_DATABASE_URL": server}).stdout
    assert re.search(r"^\d+ passed in", printed, re.M)


# The oldest Python has Quart 0.22, the newest 0.23.
@pytest.mark.parametrize("python", [PYTHONS[0], NEWEST])
@pytest.mark.parametrize(
    "backend",  # Flask-Security's: test_flask_security.py
    [pytest.param(b, marks=soaked(b)) for b in BACKENDS if b != "security"],
)
def test_login_passes_its_own_suite_on_every_service(
    backend: str, python: str, install: Install
) -> None:
    project = install(backend, python)
    suite = ROOT / "tests" / "accounts"
    command = [tool(project, "pytest"), "-q", "-rs", "-n", "2", str(suite)]
    # Their tables and queries are those of `sql`, which every test passes on PostgreSQL.
    if backend in ASKING and python != NEWEST:
        command += ["-k", "not PostgreSQL"]
    # The bridge has a suite of its own, tests/bridge.
    measured = python == PYTHONS[-1] and backend in FORMS
    if measured:
        config = suite / ".coveragerc"
        command += ["--cov=accounts", f"--cov={project.slug}", f"--cov-config={config}"]
        command += ["--cov-fail-under=90"]
    printed = project.run(*command, timeout=1800, env={"RENDER": str(project.path)}).stdout
    assert re.search(r"^\d+ passed", printed, re.M)
    assert not measured or "Required test coverage of 90" in printed
    if skipped := re.findall(r"^SKIPPED .*does not answer.*$", printed, re.M):
        pytest.skip(f"the rest passed; {' '.join(skipped)}")


@pytest.mark.soak
@pytest.mark.parametrize("python", PYTHONS[1:-1])
@pytest.mark.parametrize("backend", ASKING)
def test_backend_passes_its_own_tests_on_a_python_between(
    backend: str, python: str, install: Install
) -> None:
    project = install(backend, python)
    command = [tool(project, "pytest"), "-q", "-k", "not PostgreSQL"]
    suite = str(ROOT / "tests" / "accounts" / backend)
    printed = project.run(*command, suite, env={"RENDER": str(project.path)}).stdout
    assert re.search(r"^\d+ passed", printed, re.M)


WARNING = """
import warnings


def {test}() -> None:
    where = {{"__name__": "{module}"}}
    exec("import warnings; warnings.warn('It goes', DeprecationWarning, stacklevel=1)", where)
"""


def test_only_warnings_about_the_owners_code_fail_their_tests(bake: Bake, install: Install) -> None:
    project, installed = bake(user_backend="memory"), install("memory", PYTHONS[-1])
    modules = {
        "other": "some_extension.views",
        "alike": f"{project.slug}_extension",
        "owner": f"{project.slug}.pages",
        "login": "accounts.tokens",
    }
    text = "".join(WARNING.format(test=f"test_{n}", module=m) for n, m in modules.items())
    (project.path / "tests" / "test_warnings.py").write_text(text.lstrip(), encoding="utf-8")
    command = (tool(installed, "pytest"), "-q", "-rA", "tests/test_warnings.py")
    printed = project.run(*command, check=False).stdout
    found = re.findall(r"^(PASSED|FAILED) \S*::test_(\w+)", printed, re.M)
    results = {name: result for result, name in found}
    assert results == {"other": "PASSED", "alike": "PASSED", "owner": "FAILED", "login": "FAILED"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_rendered_code_passes_the_strict_type_check(backend: str, install: Install) -> None:
    project = install(backend, PYTHONS[-1])
    project.run(tool(project, "mypy"))


@pytest.mark.parametrize(
    ("server", "backend", "python"),
    [
        pytest.param(s, b, p, marks=soaked(b, (s, p) != ("hypercorn", NEWEST)))
        for s in SERVERS
        for b in FORMS
        for p in (PYTHONS[0], NEWEST)
    ],
)
def test_people_log_in_and_out(server: str, backend: str, python: str, install: Install) -> None:
    project = install(backend, python)
    port = free_port()
    name, password = first_user(project, tool(project, "quart"))
    program, *options = SERVERS[server].format(port=port, slug=project.slug).split()
    command = (tool(project, program), *options)
    with serve(project.path, *command, port=port, env=project.env) as url:
        assert_login_works(url, name, password)


def test_postgresql_needs_its_address_and_an_upgrade(install: Install, postgres: str) -> None:
    project = install("sql", PYTHONS[-1])
    quart = tool(project, "quart")
    project.run(quart, "db", "upgrade", env={"DATABASE_URL": postgres})
    name, password = first_user(project, quart, DATABASE_URL=postgres)
    port = free_port()
    env = project.env | {"DATABASE_URL": postgres}
    with serve(project.path, quart, "run", "--port", str(port), port=port, env=env) as url:
        assert_login_works(url, name, password)


def test_image_holds_all_that_the_app_needs(bake: Bake, tmp_path: Path) -> None:
    project = bake()
    project.run(UV, "lock", "--quiet")
    context = tmp_path / "context"
    for name in re.findall(r"^!(.+)$", project.read(".dockerignore"), re.MULTILINE):
        source = project.path / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        context.mkdir(exist_ok=True)
        copy(source, context / name)
    project.run(UV, "build", "--quiet", "--wheel", "--out-dir", tmp_path, context)
    [wheel] = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    source = project.path / "src"
    ours = {str(p.relative_to(source)) for p in source.rglob("*") if p.is_file()}
    assert ours <= packed
    assert not any(".env" in name for name in packed)


@pytest.mark.parametrize("backend", BACKENDS)
def test_nobody_shadows_what_the_project_installs(backend: str, install: Install) -> None:
    from hooks import pre_gen_project

    project = install(backend, PYTHONS[-1])
    script = (
        "import importlib.metadata as m, re;"
        "[print(x) for x in m.packages_distributions()];"
        "[print(re.sub(r'[-.]+', '_', d.name).lower()) for d in m.distributions()]"
    )
    names = set(project.run(tool(project, "python"), "-c", script).stdout.split())
    others = {"execnet", "granian", "pytest_xdist", "uvicorn", "xdist", project.slug}
    usable = {name for name in names - others if re.fullmatch(r"[a-z][a-z0-9_]*", name)}
    free = usable - set(pre_gen_project.INSTALLED) - set(sys.stdlib_module_names)
    assert free == set()


def assert_refuses(project: BakedProject, setting: str, *command: str, **env: str) -> None:
    """See that a command fails with one clear line that names the setting."""
    port = str(free_port())
    done = project.run(*(word.format(port=port) for word in command), check=False, env=env)
    printed = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in printed
    errors = [line for line in printed.splitlines() if "Error" in line]
    assert len(errors) == 1, printed
    assert setting in errors[0]
    assert "hidden" not in printed


FAULTS = {
    "no key": ("SECRET_KEY", {"SECRET_KEY": ""}),
    "short key": ("SECRET_KEY", {"SECRET_KEY": "short"}),
    "placeholder key": ("SECRET_KEY", {"SECRET_KEY": "changeme" * 8}),
    "open logins": ("LOGIN_DISABLED", {"LOGIN_DISABLED": "1"}),
    "bad limit": ("LOGIN_LIMIT_PER_ACCOUNT", {"LOGIN_LIMIT_PER_ACCOUNT": "many"}),
    "bad number": ("TRUSTED_PROXIES", {"TRUSTED_PROXIES": "all"}),
    "unknown scheme": ("DATABASE_URL", {"DATABASE_URL": "oracle://localhost/x"}),
    "no scheme": ("DATABASE_URL", {"DATABASE_URL": "somewhere"}),
    "nobody there": ("DATABASE_URL", {"DATABASE_URL": "postgresql://localhost:1/nothing"}),
    "no port": ("DATABASE_URL", {"DATABASE_URL": "postgresql://u:hidden@localhost:port/x"}),
    "impossible port": (
        "DATABASE_URL",
        {"DATABASE_URL": "postgresql://u:hidden@localhost:99999/x"},
    ),
    "unknown option": ("DATABASE_URL", {"DATABASE_URL": "mysql://127.0.0.1/x?passwd=hidden&no=1"}),
    "no port of Redis": ("RATELIMIT_STORAGE_URI", {"RATELIMIT_STORAGE_URI": "redis://:hidden@h:p"}),
    "unknown host": ("DATABASE_URL", {"DATABASE_URL": "postgresql://nowhere.invalid/x"}),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("server", ["quart", "uvicorn"])  # Hypercorn: see below
def test_bad_setting_is_named_in_one_line(server: str, fault: str, install: Install) -> None:
    project = install("sql", PYTHONS[-1])
    setting, env = FAULTS[fault]
    program, *options = SERVERS[server].replace("{slug}", project.slug).split()
    assert_refuses(project, setting, tool(project, program), *options, **env)


@pytest.mark.parametrize("backend", BACKENDS)
def test_command_of_the_readme_fails_where_the_app_cannot_start(
    backend: str, install: Install
) -> None:
    project = install(backend, PYTHONS[-1])
    found = re.search(r"^hypercorn (.+)$", project.read("README.md"), re.MULTILINE)
    assert found
    options = found[1].replace("0.0.0.0:8000", "127.0.0.1:{port}").split()
    # A manager of services restarts, and tells of, what does not end with 0.
    assert_refuses(project, "SECRET_KEY", tool(project, "hypercorn"), *options, SECRET_KEY="short")


@pytest.mark.parametrize("hidden", [False, True], ids=["with .env", "without .env"])
def test_commands_below_the_project_use_its_own_database(
    hidden: bool, install: Install, tmp_path: Path
) -> None:
    installed = install("sql", PYTHONS[-1])
    project = BakedProject(
        Path(shutil.copytree(installed.path, tmp_path / installed.slug, symlinks=True)),
        installed.answers,
    )
    name, _ = first_user(project, tool(installed, "quart"))
    env = {"SECRET_KEY": "0123456789 a key for tests and nothing else"}
    env |= {"ENVIRONMENT": "development", "PYTHONPATH": str(project.path / "src")}
    if hidden:
        (project.path / ".env").unlink()
    command = f"cd src/{project.slug}/static && {tool(installed, 'quart')} users list"
    assert name in project.run("sh", "-c", command, env=env).stdout.split()
    assert [*project.path.rglob("app.db")] == [project.path / "instance" / "app.db"]


def test_unmigrated_database_is_named_in_one_line(install: Install, postgres: str) -> None:
    project = install("sql", PYTHONS[-1])
    quart = tool(project, "quart")
    assert_refuses(
        project, "quart db upgrade", quart, "run", "--port", "{port}", DATABASE_URL=postgres
    )


def test_replica_of_the_former_version_starts_on_the_schema_of_the_next(
    install: Install, tmp_path: Path
) -> None:
    project, port = install("sql", PYTHONS[-1]), free_port()
    env = {"DATABASE_URL": f"sqlite:///{tmp_path}/app.db", "ENVIRONMENT": "production"}
    env |= {"TRUSTED_HOSTS": "localhost"}
    project.run(tool(project, "quart"), "db", "upgrade", env=env)
    with contextlib.closing(sqlite3.connect(tmp_path / "app.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    command = (tool(project, "hypercorn"), "-b", f"localhost:{port}", f"{project.slug}.asgi:app")
    with serve(project.path, *command, port=port, env=project.env | env) as url:
        assert httpx.get(f"{url}/readyz").text == "ok"
    assert "of a later version" in (project.path / f"server-{port}.log").read_text()


def test_memory_backend_refuses_production(install: Install) -> None:
    project = install("memory", PYTHONS[-1])
    env = {"ENVIRONMENT": "production", "TRUSTED_HOSTS": "example.org"}
    assert_refuses(project, "ENVIRONMENT", tool(project, "quart"), "run", "--port", "{port}", **env)


def test_port_in_use_is_named_in_one_line(install: Install) -> None:
    project = install("memory", PYTHONS[-1])
    port = free_port()
    command = (tool(project, "quart"), "run", "--port", str(port))
    with serve(project.path, *command, port=port, env=project.env):
        assert_refuses(project, str(port), *command)


def test_killed_users_add_leaves_no_half_user(install: Install) -> None:
    project = install("sql", PYTHONS[-1])
    command = [tool(project, "quart"), "users", "add", "halfway", "--password-stdin"]
    adding = subprocess.Popen(command, cwd=project.path, env=project.env, stdin=subprocess.PIPE)
    adding.kill()
    adding.communicate()
    assert "halfway" not in project.run(*command[:2], "list").stdout


@pytest.mark.parametrize("backend", [pytest.param(b, marks=soaked(b)) for b in FORMS])
def test_pip_installs_and_serves(backend: str, bake: Bake) -> None:
    project = bake(user_backend=backend)
    project.run(find_python(PYTHONS[0]), "-m", "venv", ".venv")
    project.run(tool(project, "pip"), "install", "--quiet", ".")
    port = free_port()
    name, password = first_user(project, tool(project, "quart"))
    command = (tool(project, "quart"), "run", "--port", str(port))
    with serve(project.path, *command, port=port, env=project.env) as url:
        assert_login_works(url, name, password)


def test_hostile_answers_are_text_on_the_pages(bake: Bake) -> None:
    name = """<b onclick='x'>"R&D" {{ 7 * 6 }} 🚀 \\ עברית</b>"""
    answers = {"project_slug": "app", "user_backend": "memory", "description": name}
    project = bake(project_name=name.replace("{{ 7 * 6 }}", "{{ '{{ 7 * 6 }}' }}"), **answers)
    assert project.answers["project_name"] == name
    port = free_port()
    command = (UV, "run", "--no-dev", "quart", "run", "--port", str(port))
    with serve(project.path, *command, port=port, env=project.env) as url:
        page = httpx.get(url, headers={"Accept": "text/html"}).text
    assert name in html.unescape(page)
    assert "<b" not in page.replace("<body", "").replace("<button", "")


def test_uv_run_installs_and_serves(bake: Bake) -> None:
    project = bake()
    port = free_port()
    name, password = first_user(project, UV, "run", "quart")
    command = (UV, "run", "quart", "run", "--port", str(port))
    with serve(project.path, *command, port=port, env=project.env) as url:
        assert_login_works(url, name, password)


def test_ci_takes_what_is_locked_and_checks_the_database(bake: Bake, postgres: str) -> None:
    project = bake()
    (project.path / ".env").unlink()  # as in a clone
    jobs = yaml.safe_load(project.read(".github/workflows/ci.yml"))["jobs"]
    steps = [step["run"] for step in jobs["test"]["steps"] if "run" in step]
    env = {"PATH": f"{Path(UV).parent}:{os.environ['PATH']}", "DATABASE_URL": postgres}
    first = steps[0].split()
    assert project.run(*first, env=env, check=False).returncode != 0  # no uv.lock yet
    project.run(UV, "sync", "--quiet", "--python", find_python(PYTHONS[-1]))
    project.run(*first, env=env)
    (database,) = (step for step in steps if "quart db" in step)
    project.run("sh", "-c", database, env=env)
    models = project.path / "src" / project.slug / "models.py"
    with models.open("a") as file:
        file.write("    role: Mapped[str | None]\n")
    checks = database.split(" && ")[1:]
    failed = project.run("sh", "-c", " && ".join(checks), env=env, check=False)
    assert "role" in failed.stdout + failed.stderr
    assert failed.returncode != 0
    assert all("--locked" in step for step in steps if "uv " in step)
    assert any("docker build" in str(step.get("run")) for step in jobs["image"]["steps"])


def test_pipenv_installs_and_serves(bake: Bake) -> None:
    project = bake()
    pipenv = str(Path(sys.executable).parent / "pipenv")
    env = {"PIPENV_VENV_IN_PROJECT": "1", "PIPENV_NOSPIN": "1", "CI": "1"}
    project.run(pipenv, "install", "--python", find_python(PYTHONS[0]), env=env)
    port = free_port()
    name, password = first_user(project, pipenv, "run", "quart", **env)
    command = (pipenv, "run", "quart", "run", "--port", str(port))
    with serve(project.path, *command, port=port, env=project.env | env) as url:
        assert_login_works(url, name, password)
