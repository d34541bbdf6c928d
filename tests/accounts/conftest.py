"""Test the login as a render has it: RENDER names the folder of one that is installed.

Run by the render's own pytest (see test_projects.py); without RENDER nothing here is collected.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

if not os.environ.get("RENDER"):
    collect_ignore_glob = ["*.py", "*/*.py"]
else:
    RENDER = Path(os.environ["RENDER"])
    KNOWN = ("ldap", "oidc", "sql", "memory")
    BACKEND = next(name for name in KNOWN if (RENDER / "src" / "accounts" / name).is_dir())
    # What every choice has but memory.
    DATABASE = [] if BACKEND == "memory" else ["sql"]
    # Browsers, and the walk over all routes, are those that the owner's tests use.
    sys.path.insert(0, str(RENDER / "tests"))
    sys.path.append(str(Path(__file__).parents[1]))
    collect_ignore = [name for name in KNOWN if name not in (BACKEND, *DATABASE)]
    plugins = [f"on_{name}" for name in dict.fromkeys((*DATABASE, BACKEND))]
    pytest_plugins = ["flask_patch.pytest_plugin", "rendered", "visits", *plugins]
