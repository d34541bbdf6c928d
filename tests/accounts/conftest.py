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
    BACKEND = "sql" if (RENDER / "src" / "accounts" / "sql").is_dir() else "memory"
    # Browsers, and the walk over all routes, are those that the owner's tests use.
    sys.path.insert(0, str(RENDER / "tests"))
    collect_ignore = [backend for backend in ("sql", "memory") if backend != BACKEND]
    pytest_plugins = ["flask_patch.pytest_plugin", "visits", f"on_{BACKEND}"]
