"""What docs/user-backends.md says of users from elsewhere, done in a render that serves."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest
from baking import PYTHONS, ROOT, Bake, BakedProject
from directory import serve_directory
from identity import Person, providers
from interpreters import UV, find_python
from test_cookiecutter import CRUFT, config, edit, git, repository, run  # noqa: F401  # fixtures
from visitor import assert_login_works, first_user, free_port, serve
from walk import insert_after

pytestmark = pytest.mark.slow

UPDATE = ("update", "--skip-apply-ask", "--variables-to-update")
PAGE = (ROOT / "docs" / "user-backends.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```python file=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
OPTIONS = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))["user_backend"]


def test_page_has_a_row_for_each_choice() -> None:
    choices = PAGE.partition("## The choices")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", choices, re.MULTILINE) == OPTIONS


Changed = Callable[[str, str, Callable[[BakedProject], object]], BakedProject]


@pytest.fixture(scope="module")
def behind_proxy(bake_session: Bake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a render that takes users from a proxy, as the page says."""
    baked = bake_session(user_backend="sql")
    folder = tmp_path_factory.mktemp("proxied") / baked.slug
    project = BakedProject(Path(shutil.copytree(baked.path, folder)), baked.answers)
    package = project.path / "src" / project.slug
    for name, text in FILES.items():
        (package / name).write_text(text, encoding="utf-8")
    app = package / "app.py"
    text = app.read_text(encoding="utf-8").replace(", pages, password\n", ", pages, proxied\n")
    app.write_text(text.replace("login, pages, password):", "login, pages):"), encoding="utf-8")
    insert_after(app, '        home_view="pages.home",\n    )\n', "    proxied.init_app(app)\n")
    menu = package / "templates" / "_menu.html"
    menu.write_text(menu.read_text("utf-8").replace(', ("password.change", "Password")', ""))
    for name in ("password.py", "forms.py", "templates/password.html", "templates/login.html"):
        (package / name).unlink()
    project.run(UV, "sync", "--quiet", "--python", find_python(PYTHONS[-1]))
    tools = project.path / ".venv" / "bin"
    project.run(tools / "ruff", "check")
    project.run(tools / "ruff", "format", "--check")
    project.run(tools / "mypy")
    port = free_port()
    command = (str(tools / "hypercorn"), "-b", f"127.0.0.1:{port}", f"{project.slug}.asgi:app")
    with serve(project.path, *command, port=port, env=project.env) as url:
        yield url


class Proxied(httpx.Client):
    """A browser whose requests come through a proxy at an address, which names the user."""

    def __init__(self, url: str, *names: str, address: str = "127.0.0.1") -> None:
        super().__init__(
            base_url=url.replace("localhost", "127.0.0.1"),
            headers=[("Accept", "text/html"), *(("Remote-User", name) for name in names)],
            transport=httpx.HTTPTransport(local_address=address),
            follow_redirects=True,
        )


def test_user_of_the_proxy_is_logged_in_without_a_form(behind_proxy: str) -> None:
    with Proxied(behind_proxy, "ann") as browser:
        page = browser.get("/protected?a=b")
        assert str(page.url).endswith("/protected?a=b")
        assert "Logged in as: ann" in page.text


def test_name_from_another_address_is_nobodys(behind_proxy: str) -> None:
    with Proxied(behind_proxy, "ann", address="127.0.0.2") as browser:
        assert browser.get("/protected").status_code == 401
    for names in ((), ("",), ("ann", "bob")):
        with Proxied(behind_proxy, *names) as browser:
            assert browser.get("/protected").status_code == 401


def test_login_ends_where_the_proxy_names_another_or_nobody(behind_proxy: str) -> None:
    with Proxied(behind_proxy, "ann") as browser:
        browser.get("/protected")
        browser.headers["Remote-User"] = "bob"
        assert "Logged in as: bob" in browser.get("/protected").text
        del browser.headers["Remote-User"]
        assert browser.get("/protected").status_code == 401


def test_copied_cookie_is_no_login_without_the_proxy(behind_proxy: str) -> None:
    with Proxied(behind_proxy, "ann") as browser:
        browser.get("/protected")
        with Proxied(behind_proxy, "ann", address="127.0.0.2") as thief:
            thief.cookies = browser.cookies
            assert thief.get("/protected").status_code == 401


def test_logout_leads_to_the_proxys_own_page(behind_proxy: str) -> None:
    with Proxied(behind_proxy, "ann") as browser:
        token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/home").text)
        assert token
        answer = browser.post("/logout", data={"csrf_token": token[1]}, follow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/oauth2/sign_out")


@pytest.fixture
def changed(repository: Path, config: Path, tmp_path: Path) -> Changed:  # noqa: F811  # fixtures
    """Return what makes a project of one backend, with its owner's work in it, one of another."""

    def change(former: str, new: str, between: Callable[[BakedProject], object]) -> BakedProject:
        where = (f"file://{repository}", "--no-input", "--config-file", config)
        answers = {"project_slug": "app", "user_backend": former}
        run(*CRUFT, "create", *where, "--extra-context", json.dumps(answers), cwd=tmp_path)
        project = BakedProject(tmp_path / "app", answers)
        edit(project.path / "src/app/pages.py", "Greet who has logged in.", "Greet our people.")
        between(project)
        git(project.path, "init", "--quiet", "--initial-branch=main")
        git(project.path, "add", "--all")
        git(project.path, "commit", "--quiet", "--message=Start")
        told = run(*CRUFT, *UPDATE, json.dumps({"user_backend": new}), cwd=project.path)
        assert "with conflicts" not in told
        assert "Greet our people." in project.read("src/app/pages.py")
        project.run(UV, "sync", "--quiet", "--python", find_python(PYTHONS[-1]))
        return BakedProject(project.path, {**answers, "user_backend": new})

    return change


def work(project: BakedProject) -> None:
    """Use a project for a while: a user, and a table of the owner's."""
    project.run(UV, "sync", "--quiet", "--python", find_python(PYTHONS[-1]))
    quart = project.path / ".venv" / "bin" / "quart"
    first_user(project, quart, name="alice")
    models = project.path / "src/app/models.py"
    edit(
        models,
        '__tablename__ = "users"\n',
        '__tablename__ = "users"\n    town: Mapped[str | None]\n',
    )
    project.run(quart, "db", "migrate", "-m", "Add towns")
    project.run(quart, "db", "upgrade")
    with closing(sqlite3.connect(project.path / "instance" / "app.db")) as database, database:
        database.execute("UPDATE users SET town = 'Ulm', email = 'alice@example.org'")


@pytest.mark.soak
@pytest.mark.parametrize("new", ["ldap", "oidc"])
def test_project_with_users_of_its_own_goes_on_with_those_of_another_system(
    new: str, changed: Changed, tmp_path: Path
) -> None:
    project = changed("sql", new, work)
    tools, port = project.path / ".venv" / "bin", free_port()
    with ExitStack() as stack:
        if new == "ldap":
            directory = stack.enter_context(serve_directory(tmp_path))
            directory.add_person("alice", "a password over there")
            env = {**directory.settings, "LDAP_LINK_BY": "name"}
        else:
            address = f"http://localhost:{port}"
            (company,) = stack.enter_context(providers(address, tmp_path, "company"))
            env = {"OIDC_PROVIDERS": "company", **company.env, "OIDC_LINK_BY": "name"}
        project.run(tools / "quart", "db", "merge", "heads", env=env)
        project.run(tools / "quart", "db", "upgrade", env=env)
        project.run(tools / "quart", "db", "check", env=env)
        command = (str(tools / "quart"), "run", "--port", str(port))
        url = stack.enter_context(serve(project.path, *command, port=port, env=project.env | env))
        if new == "ldap":
            assert_login_works(url, "alice", "a password over there")
        else:
            person = Person(url)
            stack.callback(person.client.close)
            assert person.come_in("alice").status_code == 200
    with closing(sqlite3.connect(project.path / "instance" / "app.db")) as database:
        rows = database.execute("SELECT name, password, town FROM users").fetchall()
    assert rows == [("alice", "", "Ulm")]
    project.run(tools / "pytest", "-q")


def test_project_with_users_in_memory_goes_on_with_a_database(changed: Changed) -> None:
    project = changed("memory", "sql", lambda project: None)
    assert not (project.path / "src" / "accounts" / "memory").exists()
    tools, port = project.path / ".venv" / "bin", free_port()
    user = first_user(project, tools / "quart")
    command = (str(tools / "quart"), "run", "--port", str(port))
    with serve(project.path, *command, port=port, env=project.env) as url:
        assert_login_works(url, *user)
    project.run(tools / "pytest", "-q")
