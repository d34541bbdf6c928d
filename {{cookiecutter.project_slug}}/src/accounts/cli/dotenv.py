"""The command `quart dotenv`: a `.env` of one's own, as a clone of the project has none."""

import os
import re
import secrets
from pathlib import Path

import click

from .fresh import FRESH


@click.command("dotenv", short_help="Make .env with a fresh key.")
def command() -> None:
    """Copy .env.example to .env, with a fresh key, for you alone to read."""
    try:
        text = Path(".env.example").read_text(encoding="utf-8")
        file = os.open(".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise click.ClickException("There is a .env already; it stays as it is.") from None
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}.") from None
    for name, size in FRESH:
        text = re.sub(f"(?m)^{name}=$", f"{name}={secrets.token_urlsafe(size)}", text)
    with open(file, "w", encoding="utf-8") as env:
        env.write(text)
    click.echo("Made .env with a fresh key.")
