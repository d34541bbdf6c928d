"""Give the new project its own secrets and say what to do next."""

import contextlib
import json
import os
import re
import secrets
import shlex
from pathlib import Path

ANSWERS = r"""{{ cookiecutter | tojson }}"""  # JSON never has three quotes in a row
RANDOM_BYTES = [("SECRET_KEY", 64), ("DEMO_PASSWORD", 16)]
RANDOM_BYTES += [("SECURITY_PASSWORD_SALT", 32), ("SECURITY_TOTP_SECRET", 32)]
CLOSING = """uv run quart run  # http://localhost:5000
The first uv run writes uv.lock, which CI and the image install from: commit it. Without uv:
  python3 -m venv .venv && .venv/bin/pip install -e .  # and .venv/bin/quart for uv run quart"""


def write_env(folder: Path) -> None:
    """Copy `.env.example` to a private `.env` with fresh secrets, unless one is there."""
    text = (folder / ".env.example").read_text(encoding="utf-8")
    for name, size in RANDOM_BYTES:
        text = re.sub(f"(?m)^{name}=$", f"{name}={secrets.token_urlsafe(size)}", text)
    with contextlib.suppress(FileExistsError):
        fd = os.open(folder / ".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            os.chmod(folder / ".env", 0o600)  # a umask may take the owner's rights as well
            file.write(text)


if __name__ == "__main__":
    write_env(project := Path.cwd())
    folders = [*project.glob("src/**"), *project.glob("kubernetes/**")]
    for path in sorted(folders, reverse=True):  # a folder after those in it
        with contextlib.suppress(OSError):  # it holds the files of the choice that was made
            path.rmdir()
    first = (given := json.loads(ANSWERS))["__next"][given["user_backend"]]
    print("Next:", f"cd {shlex.quote(str(project))}", "git init", *first, CLOSING, sep="\n  ")
