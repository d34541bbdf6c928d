"""Print what logins cost: how long they hold up the event loop, and what their time tells.

    python tests/attacks/measure.py

Medians of interleaved refusals, and the longest delay of the loop during parallel logins. Figures
of a busy machine say little; no test depends on them.
"""

from __future__ import annotations

import asyncio
import importlib
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAIRS, LOGINS = 200, 40
NAME, PASSWORD = "alice", "correct horse battery"


async def enumeration(users: Any) -> None:
    """Compare an unknown user, a disabled one, and a wrong password."""
    await users.add("disabled", PASSWORD)
    await users.set_active("disabled", False)
    times: dict[str, list[float]] = {"nobody": [], "disabled": [], NAME: []}
    for _ in range(PAIRS):
        for name, taken in times.items():
            started = time.perf_counter()
            await users.authenticate(name, "a wrong password")
            taken.append(time.perf_counter() - started)
    medians = {name: statistics.median(taken) * 1000 for name, taken in times.items()}
    apart = max(medians.values()) / min(medians.values()) - 1
    print(", ".join(f"{name}: {median:.2f} ms" for name, median in medians.items()))
    print(f"medians of {PAIRS} interleaved refusals differ by {apart:.1%}")


async def lag(users: Any) -> None:
    """Watch the loop while many log in at once."""
    delays = []

    async def watch() -> None:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.001)
            delays.append(time.perf_counter() - started - 0.001)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(users.authenticate(NAME, PASSWORD) for _ in range(LOGINS)))
    watching.cancel()
    print(f"longest delay of the event loop during {LOGINS} logins: {max(delays) * 1000:.1f} ms")


async def main(package: str, folder: str) -> None:
    """Measure the app of a fresh render."""
    config = {
        "ENVIRONMENT": "development",
        "SECRET_KEY": "0123456789 a key to measure with",
        "INSTANCE_PATH": folder,
    }
    app = importlib.import_module(package).create_app(config)
    async with app.test_app(), app.app_context():
        users = app.extensions["accounts"].users
        await users.add(NAME, PASSWORD)
        await enumeration(users)
        await lag(users)


def render_and_measure(folder: str) -> None:
    """Render the template, and run this file with what the render needs."""
    from cookiecutter.main import cookiecutter

    project = Path(cookiecutter(str(ROOT), no_input=True, output_dir=folder))
    uv = Path(sys.executable).parent / "uv"
    command = [uv, "run", "--project", project, "python", __file__, project.name, folder]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        package, folder = sys.argv[1:]
        hosted = importlib.import_module("flask_patch").hosted
        asyncio.run(hosted(main)(package, folder))
    else:
        with tempfile.TemporaryDirectory() as folder:
            render_and_measure(folder)
