"""Pages on security name, for each promise, the tests that show it; they cannot drift."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from baking import ROOT, Bake

PROJECT = ROOT / "{{cookiecutter.project_slug}}"
EVERY = "{% if cookiecutter.user_backend != 'security' %}security.md{% endif %}"
DATABASE = (
    "{% if cookiecutter.user_backend not in ['memory', 'security'] %}"
    "security_database.md{% endif %}"
)
PROVIDERS = "{% if cookiecutter.user_backend == 'oidc' %}security_oidc.md{% endif %}"
PAGES = {
    "every render": PROJECT / "docs" / EVERY,
    "sql": PROJECT / "docs" / DATABASE,
    "ldap": PROJECT
    / "docs"
    / "{% if cookiecutter.user_backend == 'ldap' %}security_ldap.md{% endif %}",
    "oidc": PROJECT / "docs" / PROVIDERS,
}
LOGIN = ROOT / "tests" / "accounts"
SUITES = {
    # Where the tests of each page are; the owner's are named with their file.
    "every render": [*PROJECT.glob("tests/*.py"), *LOGIN.glob("*.py"), *LOGIN.glob("memory/*.py")],
    "sql": [*LOGIN.glob("sql/*.py")],
    "ldap": [*LOGIN.glob("ldap/*.py")],
    "oidc": [*LOGIN.glob("oidc/*.py")],
}


def marks(nodes: list[ast.expr]) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the ASVS ids of each promise mark."""
    for node in nodes:
        if isinstance(node, ast.List):
            yield from marks(node.elts)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.promise":
            (number,), (asvs,) = node.args, node.keywords
            yield ast.literal_eval(number), ast.literal_eval(asvs.value).split(", ")


def collect(suite: str) -> dict[int, str]:
    """Return the proof of each promise as the page has to give it."""
    shown: dict[int, list[str]] = defaultdict(list)
    covered: dict[int, set[str]] = defaultdict(set)
    for file in sorted(SUITES[suite], key=lambda file: (file.is_relative_to(LOGIN), file)):
        place = "" if file.is_relative_to(LOGIN) else f"tests/{file.name}: "
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            name = file.name
            found: list[ast.expr] = []
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name, found = node.name, node.decorator_list
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
                found = [node.value]
            for number, ids in marks(found):
                shown[number].append(f"- `{place}{name}`")
                covered[number].update(ids)
    return {
        number: "\n".join([f"ASVS 5.0: {join(covered[number])}", "", *shown[number]])
        for number in shown
    }


def join(ids: set[str]) -> str:
    """Write ids in their order."""
    return ", ".join(sorted(ids, key=lambda one: [int(part) for part in one.split(".")]))


def sections(page: Path) -> dict[int, str]:
    """Return what a page says of each promise."""
    # Some renders leave out promises that are not theirs.
    text = re.sub(r"^\{%.+%\}\n", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    parts = re.split(r"^### (\d+)\. .+\n", text, flags=re.MULTILINE)[1:]
    texts = (re.split(r"^## ", text, maxsplit=1, flags=re.MULTILINE)[0] for text in parts[1::2])
    return dict(zip(map(int, parts[::2]), texts, strict=True))


@pytest.mark.parametrize("last", [page for page in PAGES if page != "every render"])
def test_promises_are_numbered_on_from_page_to_page(last: str) -> None:
    pages = dict.fromkeys(["every render", "sql", last])
    numbers = [number for page in pages for number in sections(PAGES[page])]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("suite", PAGES)
def test_each_section_ends_with_the_tests_that_show_its_promise(suite: str) -> None:
    written, shown = sections(PAGES[suite]), collect(suite)
    assert sorted(written) == sorted(shown)
    for number, proof in shown.items():
        assert written[number].rstrip().endswith("\n" + proof), f"{number}\n{proof}"


LEFT_OUT = {"ldap": {"passwords"}, "oidc": {"passwords", "form"}}


def left_out(marked: set[str]) -> set[str]:
    """Name the tests of the login that are not run where a mark is left out."""
    found = set()
    for file in LOGIN.rglob("test_*.py"):
        body = ast.parse(file.read_text(encoding="utf-8")).body
        module = [n.value for n in body if isinstance(n, ast.Assign)]
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names = {ast.unparse(one) for one in (*node.decorator_list, *module)}
                found |= {node.name} if names & {f"pytest.mark.{one}" for one in marked} else set()
    return found


@pytest.mark.parametrize("backend", LEFT_OUT)
def test_page_of_a_render_names_no_test_that_is_not_run_for_it(backend: str, bake: Bake) -> None:
    project = bake(user_backend=backend)
    pages = [text for name, text in project.files().items() if name.startswith("docs/security")]
    named = set(re.findall(r"`(?:tests/\w+\.py: )?(test_\w+)`", "".join(pages)))
    assert len(named) > 50
    assert named & left_out(LEFT_OUT[backend]) == set()
