"""The app for an ASGI server: `hypercorn`, `uvicorn` and `granian` all take this module's `app`."""

import gc

from dotenv import find_dotenv, load_dotenv

from .app import create_app
from .config import ConfigError
from .serving import check

load_dotenv(find_dotenv(usecwd=True))
try:
    app = create_app()
    check(app)
except ConfigError as error:
    raise SystemExit(f"Error: {error}") from None

# What exists by now lives as long as the process. Garbage collections, which halt all requests,
# need not look through it again.
gc.freeze()
