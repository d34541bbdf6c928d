"""A render whose users are a directory's, from the first command to roles by groups."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from baking import PYTHONS, ROOT, Bake, BakedProject
from directory import GROUPS, dn_of, serve_directory
from test_projects import Install, install, tool
from visitor import Visitor, assert_login_works, first_user, free_port, serve
from walk import insert_after, read_recipe

pytestmark = pytest.mark.slow

__all__ = ["install"]  # a fixture

PASSWORD = "a password for this test"


def enter(project: BakedProject, name: str, password: str, **env: str) -> str:
    """Log in at a server of the project, and return the protected page."""
    port = free_port()
    command = (tool(project, "quart"), "run", "--port", str(port))
    with serve(project.path, *command, port=port, env=project.env | env) as url:
        assert_login_works(url, name, password)
        visitor = Visitor(url)
        visitor.login(name, password)
        page = visitor.client.get("/protected").text
        visitor.client.close()
    return page


def test_backend_passes_its_own_tests_against_a_real_directory(install: Install) -> None:
    project = install("ldap", PYTHONS[-1])
    suite = ROOT / "tests" / "accounts" / "ldap"
    # CI runs all of tests/accounts, on each database; see test_projects.py.
    command = [tool(project, "pytest"), "-q", "-n", "2", "-k", "not PostgreSQL", str(suite)]
    printed = project.run(*command, env={"RENDER": str(project.path)}).stdout
    assert re.search(r"^\d+ passed", printed, re.M)


def give_roles(project: BakedProject, installed: BakedProject) -> dict[str, str]:
    """Add the README's column to a render, and show it; return what it runs with."""
    (project.path / ".venv").symlink_to(installed.path / ".venv")
    env = {"PYTHONPATH": str(project.path / "src")}
    text = read_recipe(project, "Add a column to the user").text
    (column,) = re.findall(r"^```python\n(.+?)^```", text, re.M | re.S)
    models = project.path / "src" / project.slug / "models.py"
    insert_after(models, '__tablename__ = "users"\n', column)
    for words in (("upgrade",), ("migrate", "-m", "Add roles"), ("upgrade",)):
        project.run(tool(project, "quart"), "db", *words, env=env)
    template = project.path / "src" / project.slug / "templates" / "protected.html"
    template.write_text(template.read_text().replace("Logged", "{{ current_user.role }}! Logged"))
    return env


def test_owner_follows_the_chapter_on_roles(install: Install, bake: Bake, tmp_path: Path) -> None:
    project = bake(user_backend="ldap")
    env = give_roles(project, install("ldap", PYTHONS[-1]))
    quart = tool(project, "quart")
    with serve_directory(tmp_path) as directory:
        directory.add_person("ann", PASSWORD, "mail: ann@example.org")
        directory.add_group("admins", dn_of("ann"))
        directory.configure(project.path / ".env")
        roles = {"LDAP_GROUP_ROLES": f"admin=cn=admins,{GROUPS}; member=*"}
        assert "admin!" in enter(project, "ann", PASSWORD, **env, **roles)
        directory.delete(f"cn=admins,{GROUPS}")
        assert "member!" in enter(project, "ann", PASSWORD, **env, **roles)
        refused = project.run(
            quart, "users", "check", env=env | {"LDAP_BASE": "dc=none"}, check=False
        )
        assert refused.returncode == 1
        assert "dc=none" in refused.stderr


def test_project_changes_from_sql_to_a_directory(install: Install, tmp_path: Path) -> None:
    former, project = install("sql", PYTHONS[-1]), install("ldap", PYTHONS[-1])
    env = {"DATABASE_URL": f"sqlite:///{tmp_path}/app.db"}
    name, old = first_user(former, tool(former, "quart"), name="ann", **env)
    shown = former.run(tool(former, "quart"), "users", "show", name, env=env).stdout
    project.run(tool(project, "quart"), "db", "upgrade", env=env)
    with serve_directory(tmp_path) as directory:
        directory.add_person(name, PASSWORD)
        env |= directory.settings | {"LDAP_LINK_BY": "name"}
        enter(project, name, PASSWORD, **env)
        assert old != PASSWORD
        again = project.run(tool(project, "quart"), "users", "show", name, env=env).stdout
    assert re.findall(r"^id: .+", again, re.M) == re.findall(r"^id: .+", shown, re.M)
    listed = project.run(tool(project, "quart"), "users", "list", env=env).stdout
    assert listed == f"{name}\n"


def test_next_step_that_the_template_names_checks_the_directory(
    install: Install, tmp_path: Path
) -> None:
    project = install("ldap", PYTHONS[-1])
    with serve_directory(tmp_path) as directory:
        directory.add_person("ann", PASSWORD)
        env = directory.settings | {"LDAP_URL": f"ldap://localhost:{directory.port}"}
        printed = project.run(tool(project, "quart"), "users", "check", env=env).stdout
        assert "connected, with no encryption" in printed
        assert "1 people" in printed
        env["LDAP_STARTTLS"] = "1"
        printed = project.run(tool(project, "quart"), "users", "check", env=env).stdout
        assert "connected, with StartTLS" in printed
