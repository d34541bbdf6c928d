"""The recipes of a render's README, done as they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from baking import BakedProject

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLACE = re.compile(
    r"(?P<where>[Nn]ew file|[Aa]t the\s+end\s+of|class `\w+` of|dict of)\s+`(?P<file>[\w./]+)`"
    r"(?P<imports>, and what it\s+imports at the\s+top)?"
)


@dataclass
class Recipe:
    """A chapter of the README: what to write where, and the commands."""

    project: BakedProject
    text: str

    def commands(self) -> list[str]:
        """Return its commands."""
        blocks = (code for language, code in BLOCK.findall(self.text) if language == "sh")
        return [command for code in blocks for command in code.splitlines()]

    def follow(self) -> None:
        """Write what it says, then run what it says."""
        end = 0
        for block in BLOCK.finditer(self.text):
            language, code = block.groups()
            if language == "sh":
                for command in code.splitlines():
                    self.project.run("sh", "-c", command)
            elif language != "yaml":  # that is another program's
                places = list(PLACE.finditer(self.text, end, block.start()))
                assert places, f"Where does this belong?\n{code}"
                self._write(places[-1], code)
            end = block.end()

    def _write(self, place: re.Match[str], code: str) -> None:
        file = self.project.path / place["file"]
        if place["where"].lower() == "new file":
            assert not file.exists(), file
            file.write_text(code, encoding="utf-8")
            return
        text = file.read_text(encoding="utf-8")
        if place["imports"]:
            head, code = split_imports(code)
            text = after_docstring(text, head)
        if place["where"].endswith("of") and "end" in place["where"]:
            text = f"{text.rstrip()}\n\n\n{code}"
        elif place["where"].startswith("class"):
            text = text.replace('__tablename__ = "users"\n', f'__tablename__ = "users"\n{code}', 1)
        else:
            text = text.replace("\n    }\n", f"\n{code}    }}\n", 1)
        file.write_text(text, encoding="utf-8")


def read_chapters(project: BakedProject, page: str = "README.md") -> dict[str, Recipe]:
    """Return the chapters of a page of the project."""
    parts = re.split(r"^## (.+)\n", project.read(page), flags=re.MULTILINE)[1:]
    return {
        chapter: Recipe(project, text)
        for chapter, text in zip(parts[::2], parts[1::2], strict=True)
    }


def read_recipe(project: BakedProject, chapter: str, page: str = "README.md") -> Recipe:
    """Return a chapter of a page of the project."""
    return read_chapters(project, page)[chapter]


def split_imports(code: str) -> tuple[str, str]:
    """Return the imports that code begins with, and the rest."""
    lines = code.splitlines(keepends=True)
    last = max(n for n, line in enumerate(lines) if line.startswith(("from ", "import ")))
    return "".join(lines[: last + 1]), "".join(lines[last + 1 :]).lstrip("\n")


def after_docstring(text: str, imports: str) -> str:
    """Return a module with imports at its top."""
    end = text.index('"""', 3) + 3
    return f"{text[:end]}\n\n{imports}{text[end:].lstrip()}" if imports else text


def insert_after(file: Path, line: str, new: str) -> None:
    """Write a line after another one."""
    text = file.read_text(encoding="utf-8")
    assert line in text, f"{file}: {line}"
    file.write_text(text.replace(line, f"{line}{new}", 1), encoding="utf-8")
