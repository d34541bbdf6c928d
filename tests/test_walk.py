"""A new owner's first quarter of an hour: each recipe of the README, with green checks after it."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from baking import PYTHONS, Bake, BakedProject
from interpreters import UV, find_python
from visitor import Visitor, first_user, free_port, serve
from walk import insert_after, read_recipe

pytestmark = pytest.mark.slow

# Chapters of the README, in its order.
PAGES = ("Add a page", "Test as a logged-in user", "Open a page to all")
TABLES = ("Add a table", "Add a column to the user")
MORE = ("Settings", "Add a Flask extension")

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

    def served(self) -> AbstractContextManager[str]:
        """Serve the project; the address is what to visit."""
        port = free_port()
        command = ("uv", "run", "quart", "run", "--port", str(port))
        return serve(self.path, *command, port=port, env=self.env)

    def follow(self, chapter: str) -> None:
        """Do what a chapter says, and run the checks."""
        read_recipe(self, chapter).follow()
        match chapter:
            case "Swap the user backend":
                swap_backend(self)
            case "Add a Flask extension":
                insert_after(self.app, "    csrf.init_app(app)\n", "    cache.init_app(app)\n")
                insert_after(self.app, "from .extensions import accounts, ", "cache, ")
            case "Roles":
                insert_after(
                    self.app, "from . import account, config, login, pages, password", ", roles"
                )
                insert_after(
                    self.app, "    csrf.init_app(app)\n", "    app.cli.add_command(roles.grant)\n"
                )
        for check in CHECKS:
            self.run("sh", "-c", f"uv run {check}")


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
    machinery = project.machinery()
    # As the chapter "Run" begins; it makes the database.
    project.run("uv", "run", "quart", "users", "add", "ann", "--random-password")
    for chapter in (*PAGES, *TABLES, *MORE, "Roles", "Swap the user backend"):
        project.follow(chapter)
    assert project.machinery() == machinery
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
    machinery = project.machinery()
    for chapter in (*PAGES, *MORE, "Swap the user backend"):
        project.follow(chapter)
    assert project.machinery() == machinery
    with project.served() as url:
        visitor = Visitor(url)
        assert visitor.login("grace", "a password for this example").status_code == 200
        assert "Hello, grace" in visitor.client.get("/hello").text
        visitor.client.close()


@pytest.mark.soak
@pytest.mark.parametrize("project", ["security"], indirect=True)
def test_owner_with_flask_security_follows_every_recipe(project: OwnedProject) -> None:
    machinery = project.machinery()
    project.run("uv", "run", "quart", "db", "upgrade")
    for chapter in (*PAGES, *TABLES, *MORE):
        project.follow(chapter)
    assert project.machinery() == machinery
    name, password = first_user(project, "uv", "run", "quart")
    with project.served() as url:
        assert httpx.get(f"{url}/about").text == "An app with a login."
        visitor = Visitor(url)
        assert visitor.login(name, password).status_code == 200
        assert f"Hello, {name}" in visitor.client.get("/hello").text
        assert "Milk &amp; eggs" in visitor.submit("/notes", "/notes", text="Milk & eggs").text
        visitor.client.close()
