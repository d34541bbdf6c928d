"""The ways here from other apps: what docs/migrating.md shows runs, and people can log in."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from baking import PYTHONS, ROOT, Bake
from interpreters import UV, find_python
from visitor import Visitor, free_port, serve
from walk import after_docstring, insert_after, split_imports

CODE = re.compile(r"^```python (before|after)=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGE = (ROOT / "docs" / "migrating.md").read_text(encoding="utf-8")
SHOWN = {(when, name): code for when, name, code in CODE.findall(PAGE)}
BRIDGE = ROOT / "{{cookiecutter.project_slug}}" / "src"


def run(python: str | Path, folder: Path, script: str, *path: Path) -> str:
    """Run a script beside the code of the page."""
    env = {"PYTHONPATH": ":".join(map(str, (folder, *path))), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [python, "-c", script]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_piece_of_code_is_taken_from_the_page() -> None:
    assert PAGE.count("```python") == len(SHOWN) == 7


PATCHED = """
import asyncio
from patch import app

async def main():
    client = app.test_client()
    print((await client.get("/")).status_code)
    await client.post("/login/ann")
    print(await (await client.get("/")).get_data(as_text=True))

asyncio.run(main())
"""


def test_app_of_quart_flask_patch_needs_another_first_line(tmp_path: Path) -> None:
    first, _, rest = SHOWN["before", "patch.py"].partition("\n")
    assert "quart_flask_patch" in first
    (tmp_path / "patch.py").write_text(SHOWN["after", "patch.py"] + rest, encoding="utf-8")
    assert run(sys.executable, tmp_path, PATCHED, BRIDGE) == "401\nHello, ann\n"


TUTORIAL = """
import asyncio
from tutorial import app

async def main():
    client = app.test_client()
    for password in ("wrong", "a secret of foo"):
        form = {"email": "foo@bar.tld", "password": password}
        await client.post("/login", form=form)
        answer = await client.get("/protected")
        print(answer.status_code, await answer.get_data(as_text=True))

asyncio.run(main())
"""


def test_app_of_the_tutorial_runs_on_the_bridge_too(tmp_path: Path) -> None:
    (tmp_path / "tutorial.py").write_text(SHOWN["before", "tutorial.py"], encoding="utf-8")
    printed = run(sys.executable, tmp_path, TUTORIAL, BRIDGE)
    assert printed.startswith("401 ")
    assert printed.endswith("200 Logged in as: foo@bar.tld\n")


FORMER = """
from shop import create_app

client = create_app("sqlite:///{path}").test_client()
client.post("/login", data={"username": "ann", "password": "a secret of ann"})
client.post("/orders", data={"what": "Tea"})
print(client.get("/orders").text)
"""


@pytest.mark.soak
def test_users_of_a_flask_app_move_with_passwords_and_rows(bake: Bake, tmp_path: Path) -> None:
    project = bake()
    project.run(UV, "sync", "--quiet", "--python", find_python(PYTHONS[-1]))
    bin_path, package = project.path / ".venv" / "bin", project.path / "src" / project.slug
    (tmp_path / "shop.py").write_text(SHOWN["before", "shop.py"], encoding="utf-8")
    former = FORMER.replace("{path}", str(tmp_path / "shop.db"))
    assert run(bin_path / "python", tmp_path, former) == "Tea\n"

    for name in ("models.py", "pages.py"):
        head, code = split_imports(SHOWN["after", name])
        text = after_docstring((package / name).read_text(encoding="utf-8"), head)
        (package / name).write_text(f"{text.rstrip()}\n\n\n{code}", encoding="utf-8")
    (package / "former.py").write_text(SHOWN["after", "former.py"], encoding="utf-8")
    app = package / "app.py"
    app.write_text(app.read_text("utf-8").replace("SqlUsers(db, User)", "FormerUsers(db, User)"))
    insert_after(app, "    csrf.init_app(app)\n", "    app.cli.add_command(take_over)\n")
    insert_after(app, "from .models import User\n", "from .former import FormerUsers, take_over\n")
    for check in ("check --fix -q", "format -q", "check"):
        project.run(bin_path / "ruff", *check.split())
    project.run(bin_path / "mypy")

    quart = str(bin_path / "quart")
    project.run(quart, "db", "upgrade")
    project.run(quart, "db", "migrate", "-m", "Add orders")
    project.run(quart, "db", "upgrade")
    project.run(quart, "take-over", tmp_path / "shop.db")
    port = free_port()
    command = (quart, "run", "--port", str(port))
    with serve(project.path, *command, port=port, env=project.env) as url:
        for _ in range(2):  # by the old hash, then by the new one
            visitor = Visitor(url)
            assert visitor.login("ann", "not the secret").status_code == 401
            assert visitor.login("ann", "a secret of ann").status_code == 200
            visitor.submit("/home", "/orders", what="Milk")
            visitor.client.close()
        visitor = Visitor(url)
        visitor.login("ann", "a secret of ann")
        assert visitor.client.get("/orders").text == "Tea, Milk, Milk"
        visitor.client.close()
    with closing(sqlite3.connect(project.path / "instance" / "app.db")) as database:
        (hashed,) = database.execute("SELECT password FROM users WHERE name = 'ann'").fetchone()
    assert hashed.startswith("$argon2id$")
