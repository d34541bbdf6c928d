"""Hooks: an app's tables of them hold those that were registered, and nothing else, as in Flask."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any


class HookTable(defaultdict[Any, Any]):
    """Hides the empty lists that Quart makes wherever it looks for hooks, at each request."""

    def __iter__(self) -> Iterator[Any]:
        return (name for name, hooks in dict.items(self) if hooks)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return bool(dict.get(self, name))

    def __repr__(self) -> str:
        return repr(dict(self.items()))

    __eq__: Any = Mapping.__eq__
    get: Any = Mapping.get
    keys: Any = Mapping.keys
    items: Any = Mapping.items
    values: Any = Mapping.values


def as_hook_table(value: Any) -> Any:
    """Return a table of hooks as one that does not grow, and anything else as it is."""
    if type(value) is defaultdict and value.default_factory is list:
        return HookTable(list, value)
    return value
