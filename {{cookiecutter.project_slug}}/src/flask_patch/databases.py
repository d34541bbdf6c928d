"""Databases: sync SQLAlchemy code on an async driver waits through the portal.

SQLAlchemy is not imported here: it is patched as soon as somebody else has imported it, or at once
if that was before. What others have imported from it follows.
"""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .drivers import patch_asyncpg, patch_drivers, patch_psycopg
from .pools import patch_pools


def _patch_sqlalchemy(_module: ModuleType) -> None:
    concurrency = import_module("sqlalchemy.util.concurrency")
    patch_drivers(concurrency)
    patch_pools(concurrency)


PATCHES = {
    "sqlalchemy": _patch_sqlalchemy,
    "sqlalchemy.dialects.postgresql.asyncpg": patch_asyncpg,
    "psycopg": patch_psycopg,
}


class _Finder:
    """Sees a module being imported, and patches it when that is done."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the module, and nothing else, the way the other finders do."""
        if name != self.name:
            return None
        others: list[Any] = [finder for finder in sys.meta_path if finder is not self]
        found = (finder.find_spec(name, path, target) for finder in others)
        spec: ModuleSpec | None = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            loader.exec_module = self._then_patch(loader.exec_module)
        return spec

    def _then_patch(self, native: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
        def exec_module(module: ModuleType) -> None:
            native(module)
            sys.meta_path.remove(self)
            PATCHES[self.name](module)

        return exec_module


def patch_databases() -> None:
    """Patch SQLAlchemy, now or when it is imported."""
    for name, patch in PATCHES.items():
        if name in sys.modules:
            patch(sys.modules[name])
        else:
            sys.meta_path.insert(0, _Finder(name))
