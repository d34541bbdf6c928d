"""The settings of a memory render under test."""

from pathlib import Path
from typing import Any

import pytest
from rendered import KEY


@pytest.fixture
def config(tmp_path: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Settings for one test."""
    return {
        "TESTING": True,
        "ENVIRONMENT": "development",
        "SECRET_KEY": KEY,
        "DEMO_PASSWORD": "the demo of the tests",
        "INSTANCE_PATH": str(tmp_path),
        **given,
    }
