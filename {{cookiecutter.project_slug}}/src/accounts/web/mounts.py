"""Mounts: an app below a prefix, whether or not the proxy in front takes it off the path.

Servers differ in what they make of their option `--root-path`: Hypercorn and Granian take it for a
part of the path that is there, Uvicorn for one that a proxy has taken off, and puts it before
every path. Quart finds no page where the prefix is missing or there twice.
"""

import re
from collections.abc import Callable
from typing import Any

Scope = dict[str, Any]
PREFIX = re.compile(r"(/[\w.~!$&'()*+,;=:@-]+)+", re.ASCII)


def usable_prefix(given: str) -> str:
    """Return a prefix with a slash before it and none after it; nothing for an unusable one."""
    prefix = "/" + given.strip("/")
    return prefix if PREFIX.fullmatch(prefix) and "//" not in given.rstrip("/") else ""


def as_received(scope: Scope, receive: Callable[..., Any]) -> Scope:
    """Return the request with the path that the server has received."""
    root = scope.get("root_path", "")
    # A method of a class of the server's; Granian's is compiled, and says nothing.
    server = getattr(receive, "__module__", None) or ""
    if not root or not server.startswith("uvicorn."):
        return scope
    raw = scope.get("raw_path", b"").removeprefix(root.encode())
    return {**scope, "path": scope["path"].removeprefix(root), "raw_path": raw}


def mount(scope: Scope) -> Scope:
    """Return the request with a path that has the prefix once, as ASGI has it."""
    if not scope.get("root_path"):
        return scope
    root, path = usable_prefix(scope["root_path"]), scope["path"]
    if path == root:
        path = f"{root}/"
    elif path.startswith("/") and not path.startswith(f"{root}/"):
        path = root + path
    return {**scope, "root_path": root, "path": path}
