"""Ranges: the last bytes of a body, which Quart takes for an impossible range (0.22 and 0.23)."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from quart.wrappers.response import DataBody, FileBody, IOBody


def _accept_suffix(native: Callable[..., Awaitable[int]]) -> Callable[..., Awaitable[int]]:
    """Let a range begin at so many bytes before the end."""

    @wraps(native)
    async def make_conditional(self: Any, begin: int, end: int | None) -> int:
        if begin < 0:
            size = len(self.data) if isinstance(self, DataBody) else self.size
            begin = max(0, size + begin)
        return await native(self, begin, end)

    return make_conditional


def patch_ranges() -> None:
    """Give each kind of body that can be sent in parts its last bytes."""
    for body in (DataBody, FileBody, IOBody):
        made: Any = body
        made.make_conditional = _accept_suffix(made.make_conditional)
