"""Test Flask-Security as a render has it: RENDER names the folder of one that is installed.

Run by the render's own pytest (see test_flask_security.py); without RENDER nothing is collected.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

if not os.environ.get("RENDER"):
    collect_ignore_glob = ["*.py"]
else:
    # Browsers, and the walk over all routes, are those that the owner's tests use.
    sys.path.insert(0, str(Path(os.environ["RENDER"]) / "tests"))
    # What holds for any render is handed out by the same fixtures.
    sys.path.append(str(Path(__file__).parents[1] / "accounts"))
    pytest_plugins = ["flask_patch.pytest_plugin", "rendered", "people"]
