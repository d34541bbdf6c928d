"""The rendered app, with the user of the benchmark, a line of text and the slow page."""

import asyncio
from contextlib import suppress

from accounts import AccountError
from bench_app.asgi import app
from demo import NAME, PASSWORD, SLOW_SECONDS
from flask_login import current_user


@app.before_serving
async def add_user() -> None:
    """Create the user, where the backend has none yet, nor another worker was faster."""
    with suppress(AccountError):
        await app.extensions["accounts"].users.add(NAME, PASSWORD)


@app.get("/line")
async def line() -> str:
    """Show who is logged in, in a line of text."""
    return f"Logged in as: {current_user.name}"


@app.get("/slow")
async def slow() -> str:
    """Wait for something."""
    await asyncio.sleep(SLOW_SECONDS)
    return f"Logged in as: {current_user.name}"
