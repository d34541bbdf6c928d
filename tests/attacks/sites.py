"""Apps that run, and how to start one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """A running app and somebody who may log in."""

    url: str
    package: str
    name: str
    password: str


Start = Callable[..., AbstractContextManager[Site]]
