"""The app of a render with pages of an owner's: what a server in an outage is asked for."""

import asyncio
import os
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

from accounts import load_app, public
from quart import request, websocket

package: Any = import_module(os.environ["QUART_APP"])
extensions: Any = import_module(f"{package.__name__}.extensions")
db = extensions.db
User: Any = import_module(f"{package.__name__}.models").User
app = load_app(package.create_app)


@app.get("/about")
@public
async def about() -> str:
    """Say what this is, which nobody has to be asked for."""
    return "An app with a login."


@app.get("/users")
@public
async def users() -> str:
    """Count the users, by a query of the owner's."""
    return str(db.session.query(User).count())


@app.post("/notes")
@public
@extensions.csrf.exempt
async def notes() -> str:
    """Take a note, by a change of the owner's."""
    text = (await request.form)["text"]
    db.session.execute(db.text("INSERT INTO notes (text) VALUES (:text)"), {"text": text})
    db.session.commit()
    return text


@app.websocket("/live")
async def live() -> None:
    """Say something again and again."""
    while True:
        await websocket.send("still there")
        await asyncio.sleep(0.2)


@app.get("/stream")
async def stream() -> Any:
    """Send something again and again, for some minutes."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(1500):
            yield b"."
            await asyncio.sleep(0.2)

    return pieces(), {"Content-Type": "text/plain"}
