"""A new owner's first quarter of an hour: each recipe of the README, with green checks after it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from baking import PYTHONS, Bake, BakedProject
from directory import write_settings
from identity import Person, providers
from interpreters import UV, find_python
from visitor import Visitor, first_user, free_port, serve
from walk import insert_after, read_chapters, read_recipe

pytestmark = pytest.mark.slow

# Chapters of the README, in its order.
PAGES = ("Add a page", "Test as a logged-in user", "Open a page to all")
TABLES = ("Add a table", "Add a column to the user")
MORE = ("Settings", "Add a Flask extension")
# Those that are no recipes.
ABOUT = {"Run", "Find your way", "Flask-Security", "Deploy", "Update from the template"}

CHECKS = (
    # New imports are sorted first, as an editor does.
    "ruff check --fix --quiet",
    "ruff format --quiet",
    "ruff check",
    "ruff format --check",
    "mypy",
    "pytest -q",
)


class OwnedProject(BakedProject):
    """A project on a machine that has uv."""

    @property
    def env(self) -> dict[str, str]:
        return super().env | {"PATH": f"{Path(UV).parent}:{os.environ['PATH']}"}

    @property
    def package(self) -> Path:
        """The folder of the owner's package."""
        return self.path / "src" / self.slug

    @property
    def app(self) -> Path:
        """Where the owner binds things."""
        return self.package / "app.py"

    def machinery(self) -> dict[Path, str]:
        """Return the files that an owner need not open."""
        folders = (self.path / "src" / name for name in ("accounts", "flask_patch"))
        files = (file for folder in folders for file in folder.rglob("*.py"))
        return {file: file.read_text(encoding="utf-8") for file in files}

    def served(self, port: int = 0) -> AbstractContextManager[str]:
        """Serve the project; the address is what to visit."""
        port = port or free_port()
        command = ("uv", "run", "quart", "run", "--port", str(port))
        return serve(self.path, *command, port=port, env=self.env)

    def begin(self, port: int = 0) -> None:
        """Do what the first chapters say: try what users come from, serve, and run the checks."""
        *commands, last = read_recipe(self, "Run").commands()
        assert last == "uv run quart run"
        self.run("git", "init", "--quiet")
        for command in commands:
            self.run("sh", "-c", command)
        with self.served(port):  # It makes the database.
            pass
        read_recipe(self, "Find your way").follow()

    def follow_all(self, *groups: Sequence[str]) -> None:
        """Follow chapters, which are all recipes that the README has, with checks after each group.

        Nothing has to be opened for them that is not the owner's.
        """
        machinery = self.machinery()
        assert {chapter for group in groups for chapter in group} == {*read_chapters(self)} - ABOUT
        for group in groups:
            for chapter in group:
                self.follow(chapter)
            for check in CHECKS:
                self.run("sh", "-c", f"uv run {check}")
        assert self.machinery() == machinery

    def follow(self, chapter: str) -> None:
        """Do what a chapter says."""
        read_recipe(self, chapter).follow()
        match chapter:
            case "Swap the user backend":
                swap_backend(self)
            case "Add a Flask extension":
                insert_after(self.app, "    csrf.init_app(app)\n", "    cache.init_app(app)\n")
                insert_after(self.app, "from .extensions import accounts, ", "cache, ")
            case "Roles":
                insert_after(self.app, "from . import account", ", roles")
                insert_after(
                    self.app, "    csrf.init_app(app)\n", "    app.cli.add_command(roles.grant)\n"
                )


def swap_backend(project: OwnedProject) -> None:
    """Let `create_app` bind the backend that the recipe has written."""
    text = project.app.read_text(encoding="utf-8")
    for former, new in (
        ("SqlUsers(db, User)", "StaffUsers(db, User)"),
        ("import SqlStore, SqlUsers", "import SqlStore"),
        ('MemoryUsers(app.config["DEMO_PASSWORD"])', "StaffUsers()"),
        ("import MemoryStore, MemoryUsers", "import MemoryStore"),
        (
            "from .security import HEADERS\n",
            "from .security import HEADERS\nfrom .staff import StaffUsers\n",
        ),
    ):
        text = text.replace(former, new)
    assert "StaffUsers(" in text
    project.app.write_text(text, encoding="utf-8")


@pytest.fixture
def project(bake: Bake, request: pytest.FixtureRequest) -> OwnedProject:
    """A render of a backend, installed."""
    baked = bake(user_backend=request.param)
    project = OwnedProject(baked.path, baked.answers)
    project.run("uv", "sync", "--quiet", "--python", find_python(PYTHONS[-1]))
    return project


@pytest.mark.parametrize("project", ["sql"], indirect=True)
def test_owner_of_a_database_follows_every_recipe(project: OwnedProject) -> None:
    # As the chapter "Run" begins; it makes the database.
    project.run("uv", "run", "quart", "users", "add", "ann", "--random-password")
    chapters = (*PAGES, *TABLES, *MORE, "Roles", "Swap the user backend")
    project.follow_all(*((chapter,) for chapter in chapters))
    with project.served() as url:
        assert httpx.get(f"{url}/about").text == "An app with a login."
        visitor = Visitor(url)
        assert visitor.login("grace", "a password for this example").status_code == 200
        assert "Hello, grace" in visitor.client.get("/hello").text
        assert "Milk &amp; eggs" in visitor.submit("/notes", "/notes", text="Milk & eggs").text
        visitor.client.close()
    assert (
        project.run("uv", "run", "quart", "grant", "grace", "admin").stdout
        == "grace is admin now.\n"
    )


@pytest.mark.parametrize("project", ["memory"], indirect=True)
def test_owner_without_a_database_follows_every_recipe(project: OwnedProject) -> None:
    project.follow_all(*((chapter,) for chapter in (*PAGES, *MORE, "Swap the user backend")))
    with project.served() as url:
        visitor = Visitor(url)
        assert visitor.login("grace", "a password for this example").status_code == 200
        assert "Hello, grace" in visitor.client.get("/hello").text
        visitor.client.close()


@pytest.mark.soak
@pytest.mark.parametrize("project", ["security"], indirect=True)
def test_owner_with_flask_security_follows_every_recipe(project: OwnedProject) -> None:
    project.run("uv", "run", "quart", "db", "upgrade")
    project.follow_all(*((chapter,) for chapter in (*PAGES, *TABLES, *MORE)))
    name, password = first_user(project, "uv", "run", "quart")
    with project.served() as url:
        assert httpx.get(f"{url}/about").text == "An app with a login."
        visitor = Visitor(url)
        assert visitor.login(name, password).status_code == 200
        assert f"Hello, {name}" in visitor.client.get("/hello").text
        assert "Milk &amp; eggs" in visitor.submit("/notes", "/notes", text="Milk & eggs").text
        visitor.client.close()


# The code of most chapters is that of `sql`, where checks run after each.
ASKING = (PAGES, TABLES, (*MORE, "Roles"))


def keep_notes_for_admins(project: OwnedProject) -> None:
    """Ask for a role where the page of notes is shown."""
    pages = project.package / "pages.py"
    insert_after(pages, '@bp.route("/notes", methods=["GET", "POST"])\n', NEEDED)
    insert_after(pages, "from .models import Note\n", "from .roles import role_required\n")


NEEDED = '@role_required("admin")\n'


def assert_recipes_work(project: OwnedProject, visitor: Visitor, name: str) -> None:
    """Visit what the recipes have made, as somebody who is logged in."""
    assert f"Hello, {name}" in visitor.client.get("/hello").text
    assert visitor.client.get("/notes").status_code == 403
    granted = project.run("uv", "run", "quart", "grant", name, "admin").stdout
    assert granted == f"{name} is admin now.\n"
    assert "Milk &amp; eggs" in visitor.submit("/notes", "/notes", text="Milk & eggs").text


@pytest.mark.soak
@pytest.mark.parametrize("project", ["ldap"], indirect=True)
def test_owner_with_a_directory_follows_every_recipe(project: OwnedProject) -> None:
    name, password = first_user(project)
    project.begin()
    project.follow_all(*ASKING)
    keep_notes_for_admins(project)
    with project.served() as url:
        assert httpx.get(f"{url}/about").text == "An app with a login."
        visitor = Visitor(url)
        assert visitor.login(name, password).status_code == 200
        assert_recipes_work(project, visitor, name)
        visitor.client.close()


@pytest.mark.soak
@pytest.mark.parametrize("project", ["oidc"], indirect=True)
def test_owner_with_a_provider_follows_every_recipe(project: OwnedProject, tmp_path: Path) -> None:
    port = free_port()
    with providers(f"http://localhost:{port}", tmp_path, "company") as (company,):
        write_settings(project.path / ".env", company.env)
        project.begin(port)
        project.follow_all(*ASKING)
        keep_notes_for_admins(project)
        with project.served(port) as url:
            assert httpx.get(f"{url}/about").text == "An app with a login."
            person = Person(url)
            assert person.come_in("alice").status_code == 200
            assert_recipes_work(project, person, "alice")
            person.client.close()
