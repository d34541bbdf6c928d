"""The rendered app with a view that reads a large body piece by piece."""

from flask_login import login_required
from quart import request
from render import app

app.config["MAX_CONTENT_LENGTH"] = 2**30
csrf = app.extensions["csrf"]


@app.post("/upload")
@csrf.exempt
@login_required
async def upload() -> str:
    """Count the octets of the body."""
    return str(sum([len(piece) async for piece in request.body]))
