"""`docs/security.md` names, for each promise, what the tests are marked with; it cannot drift."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DOCUMENT = (TESTS.parent / "docs" / "security.md").read_text(encoding="utf-8")
PROMISES = range(1, 24)


def marks(nodes: list[ast.expr]) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the ASVS ids of each promise mark."""
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.promise":
            (number,), (asvs,) = node.args, node.keywords
            yield ast.literal_eval(number), ast.literal_eval(asvs.value).split(", ")


def collect() -> dict[int, str]:
    """Return the proof of each promise as the document has to give it."""
    shown: dict[int, list[str]] = defaultdict(list)
    covered: dict[int, set[str]] = defaultdict(set)
    for file in sorted(TESTS.glob("test_*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            name = file.name
            found: list[ast.expr] = []
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name, found = node.name, node.decorator_list
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
                found = [node.value]
            for number, ids in marks(found):
                shown[number].append(f"- `{name}`")
                covered[number].update(ids)
    return {
        number: "\n".join([f"ASVS 5.0: {join(covered[number])}", "", *shown[number]])
        for number in shown
    }


def join(ids: set[str]) -> str:
    return ", ".join(sorted(ids, key=lambda one: [int(part) for part in one.split(".")]))


def sections() -> dict[int, str]:
    """Return what the document says of each promise."""
    parts = re.split(r"^### (\d+)\. .+\n", DOCUMENT, flags=re.MULTILINE)[1:]
    texts = (re.split(r"^## ", text, maxsplit=1, flags=re.MULTILINE)[0] for text in parts[1::2])
    return dict(zip(map(int, parts[::2]), texts, strict=True))


def test_every_promise_has_a_section_and_a_test() -> None:
    assert sorted(sections()) == list(PROMISES)
    assert sorted(collect()) == list(PROMISES)


@pytest.mark.parametrize("number", PROMISES)
def test_section_ends_with_the_tests_that_show_its_promise(number: int) -> None:
    assert sections()[number].rstrip().endswith("\n" + collect()[number])
