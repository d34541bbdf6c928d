"""Every render reads as if written by hand for its answers."""

from __future__ import annotations

import ast
import datetime as dt
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from baking import (
    ANSWERS,
    COMBINATIONS,
    OPTIONS,
    ROOT,
    Bake,
    BakedProject,
    pairwise,
    template_files,
)

LICENSE_LINES = {
    "MIT": "Permission is hereby granted, free of charge",
    "BSD-3-Clause": "Redistribution and use in source and binary forms",
    "Apache-2.0": "Version 2.0, January 2004",
    "Proprietary": "All rights reserved",
}


def test_pairwise_combinations_hold_every_pair() -> None:
    options = {"a": ["1", "2", "3"], "b": ["1", "2"], "c": ["1", "2"]}
    combinations = pairwise(options)
    assert {(c["a"], c["b"]) for c in combinations} == {(a, b) for a in "123" for b in "12"}
    assert {(c["b"], c["c"]) for c in combinations} == {(b, c) for b in "12" for c in "12"}
    assert {(c["a"], c["c"]) for c in combinations} == {(a, c) for a in "123" for c in "12"}
    assert len(combinations) < 12


def test_pairwise_combinations_hold_none_that_is_refused() -> None:
    refused = {"a": "2", "b": "2"}
    combinations = pairwise({"a": ["1", "2"], "b": ["1", "2"]}, lambda c: c != refused)
    assert sorted(tuple(c.values()) for c in combinations) == [("1", "1"), ("1", "2"), ("2", "1")]


def test_each_choice_is_rendered_in_a_combination() -> None:
    for option, choices in OPTIONS.items():
        assert {combination[option] for combination in COMBINATIONS} == set(choices)


def without_examples(text: str) -> str:
    """Return a page without its blocks of code, which may be templates."""
    return re.sub(r"^```.*?^```$", "```", text, flags=re.MULTILINE | re.DOTALL)


def test_no_template_residue_is_left(project: BakedProject) -> None:
    for name, text in project.files().items():
        assert not re.search(r"[{}%]|cookiecutter", name)
        assert "cookiecutter" not in text.lower(), name
        if not name.endswith((".css", ".html", ".py")):
            assert not re.search(r"(?<!\$)\{\{|\{%|\{#", without_examples(text)), name


def test_text_is_tidy(project: BakedProject) -> None:
    for name, text in project.files().items():
        assert text == "" or text.endswith("\n"), name
        assert not text.endswith("\n\n"), name
        assert not re.search(r"[ \t]$", text, re.MULTILINE), name
        if not name.endswith((".mako", ".py")):
            examined = without_examples(text.replace(project.read("LICENSE"), ""))
            assert "\n\n\n" not in examined, name


def test_no_folder_is_empty(project: BakedProject) -> None:
    folders = [path for path in project.path.rglob("*") if path.is_dir()]
    assert [folder for folder in folders if not any(folder.iterdir())] == []


def test_toml_and_yaml_files_parse(project: BakedProject) -> None:
    parsed = 0
    for name, text in project.files().items():
        if name.endswith(".toml") or name == "Pipfile":
            tomllib.loads(text)
            parsed += 1
        if name.endswith((".yml", ".yaml")):
            yaml.safe_load(text)
            parsed += 1
    assert parsed >= 3


@pytest.mark.parametrize("command", [["check"], ["format", "--check", "--diff"]], ids="-".join)
def test_ruff_finds_nothing(project: BakedProject, command: list[str]) -> None:
    project.run(sys.executable, "-m", "ruff", *command, "--no-cache", ".")


def test_bandit_finds_nothing(project: BakedProject) -> None:
    project.run(sys.executable, "-m", "bandit", "-q", "-r", "src")


def test_zizmor_finds_nothing(project: BakedProject) -> None:
    zizmor = Path(sys.executable).parent / "zizmor"
    project.run(zizmor, "--offline", "--quiet", ".github")


def test_hadolint_finds_nothing(project: BakedProject) -> None:
    project.run(Path(sys.executable).parent / "hadolint", "Dockerfile")


def test_license_is_the_chosen_one_with_this_year(project: BakedProject) -> None:
    text = project.read("LICENSE")
    chosen = project.answers["license"]
    assert [name for name, line in LICENSE_LINES.items() if line in text] == [chosen]
    year = dt.datetime.now(dt.UTC).year
    assert re.search(rf"Copyright (\(c\) )?{year},? {project.answers['author_name']}", text)
    spdx = tomllib.loads(project.read("pyproject.toml"))["project"]["license"]
    assert spdx.removeprefix("LicenseRef-") == chosen


def test_every_license_choice_is_known_to_these_tests() -> None:
    assert list(LICENSE_LINES) == OPTIONS["license"]


def test_render_holds_one_user_backend(project: BakedProject) -> None:
    accounts = project.path / "src" / "accounts"
    backends = {name for name in OPTIONS["user_backend"] if (accounts / name).is_dir()}
    # All but one are on the database, which has a folder of its own.
    assert backends - {"sql"} == {project.answers["user_backend"]} - {"sql"}
    assert ("sql" in backends) == (project.answers["user_backend"] != "memory")


DATABASE = r"sqlalchemy|alembic|sqlite|postgres|mariadb|mysql|migrat|database"
DIRECTORY = r"ldap|active directory"
PROVIDERS = r"oidc|openid|joserfc|httpx"
FLASK_SECURITY = r"flask.security|passkey|authenticator|smtp|\btotp"
WORDS_OF_OTHERS = {
    "memory": f"{DATABASE}|{DIRECTORY}|{PROVIDERS}|{FLASK_SECURITY}|identities",
    "sql": f"demo|{DIRECTORY}|{PROVIDERS}|{FLASK_SECURITY}|identities",
    "ldap": rf"\bdemo\b|users add|users passwd|account/password|{PROVIDERS}|{FLASK_SECURITY}",
    "oidc": f"demo|{DIRECTORY}|{FLASK_SECURITY}",
    "security": rf"demo_|SqlUsers|login_sessions|{DIRECTORY}|{PROVIDERS}",
}


def test_render_holds_no_word_of_a_choice_that_was_not_made(project: BakedProject) -> None:
    words = WORDS_OF_OTHERS[project.answers["user_backend"]]
    # The bridge is the same in every render, whatever it is used for.
    bridge = ("src/flask_patch/", "docs/flask_patch.md")
    named = [
        f"{name}: {found[0]}"
        for name, text in project.files().items()
        if not name.startswith(bridge) and (found := re.search(words, f"{name}\n{text}", re.I))
    ]
    assert named == []


DEPLOYMENTS = {"compose": r"\bcompose\b|caddy", "kubernetes": r"kubernetes|kubectl|kustom|ingress"}


def test_render_holds_no_word_of_a_deployment_that_was_not_chosen(project: BakedProject) -> None:
    others = set(DEPLOYMENTS) - {project.answers["deployment"]}
    words = "|".join(DEPLOYMENTS[other] for other in others)
    named = [
        f"{name}: {found[0]}"
        for name, text in project.files().items()
        if (found := re.search(words, f"{name}\n{text}", re.I))
    ]
    assert named == []


@pytest.mark.parametrize("deployment", OPTIONS["deployment"])
def test_chapters_have_no_word_on_passwords_where_there_are_none(
    deployment: str, bake: Bake
) -> None:
    project = bake(user_backend="oidc", deployment=deployment)
    for page in ("README.md", "AGENTS.md", "docs/recipes.md"):
        # A database has one.
        text = re.sub(r"user:password@|POSTGRES_PASSWORD", "", project.read(page))
        assert not re.search("password|remember", text, re.I), page


@pytest.mark.parametrize("backend", ["ldap", "oidc"])
def test_recipes_keep_no_users_of_their_own_where_another_system_has_them(
    backend: str, bake: Bake
) -> None:
    project = bake(user_backend=backend)
    for page in ("README.md", "docs/recipes.md"):
        # Who could choose an address would keep out, or be taken for, whom it belongs to there.
        assert not re.search(r"\.email =|StaffUsers", project.read(page)), page


def test_each_deployment_is_spoken_of_in_its_own_render(project: BakedProject) -> None:
    chosen = project.answers["deployment"]
    assert set(OPTIONS["deployment"]) == {"container", *DEPLOYMENTS}
    assert re.search(DEPLOYMENTS.get(chosen, "hypercorn"), project.read("README.md"), re.I)


def test_each_backend_is_spoken_of_in_its_own_render(project: BakedProject) -> None:
    text = "".join(project.files().values()).lower()
    database = ("sqlalchemy", "alembic", "database_url")
    words = {
        "sql": database,
        "memory": ("demo_password",),
        "ldap": (*database, "ldap_url", "ldap3"),
        "oidc": (*database, "oidc_providers", "joserfc"),
        "security": (*database, "flask-security", "passkey", "mail_server"),
    }
    for word in words[project.answers["user_backend"]]:
        assert word in text


def imports(file: Path, package: Path) -> set[str]:
    """Return the modules that a module imports, by their full names."""
    folder = [package.name, *file.relative_to(package).parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = folder[: len(folder) - node.level + 1] if node.level else []
            base = [*start, *(node.module.split(".") if node.module else [])]
            for alias in node.names:
                path = package.parent.joinpath(*base, alias.name)
                is_module = path.is_dir() or path.with_suffix(".py").is_file()
                found.add(".".join([*base, alias.name] if is_module else base))
    return found


def test_arrows_between_packages_point_one_way(project: BakedProject) -> None:
    allowed = {
        project.slug: {"accounts", "flask_patch"},
        "accounts": {"flask_patch"},
        "flask_patch": set(),
    }
    source = project.path / "src"
    assert {folder.name for folder in source.iterdir() if folder.is_dir()} == set(allowed)
    for name, others in allowed.items():
        for file in (source / name).rglob("*.py"):
            wanted = {module.partition(".")[0] for module in imports(file, source / name)}
            assert wanted & (set(allowed) - {name}) <= others, file


@pytest.mark.parametrize("name", ["accounts", "flask_patch", None])
def test_no_file_imports_another_in_a_circle(project: BakedProject, name: str | None) -> None:
    package = project.path / "src" / (name or project.slug)
    modules = {}
    for file in package.rglob("*.py"):
        parts = file.relative_to(package.parent).with_suffix("").parts
        modules[".".join(parts).removesuffix(".__init__")] = imports(file, package)
    graph = {
        module: {other for other in wanted if other in modules and other != module}
        for module, wanted in modules.items()
    }
    while graph:
        leaves = {module for module, others in graph.items() if not others}
        assert leaves, f"There is a circle among {sorted(graph)}"
        graph = {m: others - leaves for m, others in graph.items() if m not in leaves}


def test_modules_are_short_enough_to_read(project: BakedProject) -> None:
    for path in (project.path / "src").rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 200, path


def test_owners_package_is_as_long_as_a_tutorial(project: BakedProject) -> None:
    lines = sum(
        len(path.read_text(encoding="utf-8").splitlines())
        for path in (project.path / "src" / project.slug).glob("*.py")
    )
    assert lines <= 450


def test_python_files_of_the_template_hold_no_jinja() -> None:
    for name in template_files():
        if name.startswith("{{") and name.endswith(".py"):
            text = (ROOT / name).read_text(encoding="utf-8")
            assert "cookiecutter" not in text, name


def test_readme_table_lists_every_option_and_choice() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for option in ANSWERS["__prompts__"]:
        row = re.search(rf"^\| `{option}` \|.*$", readme, re.MULTILINE)
        assert row, option
        for choice in OPTIONS.get(option, []):
            assert f"`{choice}`" in row[0]


def test_git_sees_no_generated_file(bake: Bake) -> None:
    project = bake()
    project.run("git", "init", "-q")
    generated = {".venv/x", "instance/app.db", ".env", "src/x/__pycache__/x.pyc", ".coverage"}
    generated |= {"src/x/pages.py.rej"}
    for name in (*generated, "src/x/new.py"):
        (project.path / name).parent.mkdir(parents=True, exist_ok=True)
        (project.path / name).touch()
    listed = project.run(
        *("git", "-c", "core.excludesFile=", "ls-files", "--others", "--exclude-standard")
    ).stdout.split()
    assert "src/x/new.py" in listed
    assert generated.isdisjoint(listed)
    assert not [name for name in listed if "__pycache__" in name or name.startswith(".venv")]


@pytest.mark.parametrize("slug", ["build", "dist", "instance", "node_modules"])
def test_tools_see_the_package_whatever_its_name(slug: str, bake: Bake) -> None:
    project = bake(project_slug=slug)
    files = {name for name in project.files() if name.startswith(f"src/{slug}/")}
    project.run("git", "init", "-q")
    project.run("git", "-c", "core.excludesFile=", "add", ".")
    assert {*project.run("git", "ls-files", f"src/{slug}").stdout.split()} == files
    checked = project.run(sys.executable, "-m", "ruff", "check", "--show-files").stdout
    assert f"/src/{slug}/app.py\n" in checked


def test_readme_names_files_and_settings_that_exist(project: BakedProject) -> None:
    readme = project.read("README.md")
    for link in re.findall(r"\]\((?!http)([^)]+)\)", readme):
        assert (project.path / link).is_file(), link
    config = project.read(f"src/{project.slug}/config.py")
    prefixes = re.search(r"^EXTENSIONS = (.+)$", config, re.MULTILINE)
    assert prefixes
    for setting in re.findall(r"`([A-Z][A-Z_]{5,})[=`]", readme):
        if setting.startswith(("EXTENSIONS", "TEST_", *ast.literal_eval(prefixes[1]))):
            continue
        assert f"{setting}=" in project.read(".env.example"), setting
    written = set(re.findall(r"New file `([\w/.]+)`", readme, re.I))
    for module in re.findall(r"`((?:tests/|src/)?[\w/]+\.py)`", readme):
        folder = project.path if "/" in module else project.path / "src" / project.slug
        found = (folder / module).is_file()
        assert found or module in written or any(name.endswith(f"/{module}") for name in written)
