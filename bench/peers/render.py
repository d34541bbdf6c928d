"""The rendered app, with the user of the benchmark and the slow page."""

import asyncio
from contextlib import suppress

from bench_app.asgi import app
from bench_app.users import UserError
from demo import NAME, PASSWORD, SLOW_SECONDS
from flask_login import current_user, login_required


@app.before_serving
async def add_user() -> None:
    """Create the user, where the backend has none yet."""
    users = app.extensions["users"]
    if NAME not in [user.name for user in await users.all()]:
        # Of two workers that start at once, the other may have been faster.
        with suppress(UserError):
            await users.add(NAME, PASSWORD)


@app.get("/line")
@login_required
async def line() -> str:
    """Show who is logged in, in a line of text."""
    return f"Logged in as: {current_user.name}"


@app.get("/slow")
@login_required
async def slow() -> str:
    """Wait for something."""
    await asyncio.sleep(SLOW_SECONDS)
    return f"Logged in as: {current_user.name}"
