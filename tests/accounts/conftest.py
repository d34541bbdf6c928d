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
    FOLDERS = {folder.name for folder in (RENDER / "src" / "accounts").iterdir()}
    SOURCES = [name for name in ("memory", "sql", "oidc") if name in FOLDERS]
    # Browsers, and the walk over all routes, are those that the owner's tests use.
    sys.path.insert(0, str(RENDER / "tests"))
    collect_ignore = [name for name in ("memory", "sql", "oidc") if name not in SOURCES]
    pytest_plugins = ["flask_patch.pytest_plugin", "visits", *(f"on_{name}" for name in SOURCES)]
