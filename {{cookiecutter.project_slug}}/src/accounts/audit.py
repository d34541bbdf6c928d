"""The audit log: a line for each thing that happens to an account."""

import getpass
import json
import logging
from typing import Any

from quart import has_request_context, request

from .addresses import plain_address
from .records import Client

logger = logging.getLogger("audit")


def record(event: str, user: str, **more: Any) -> None:
    """Write who did what from where; JSON escapes what could forge a line."""
    if has_request_context():
        where = client()
        who = {"address": where.address, "user_agent": where.user_agent}
    else:
        who = {"by": f"command line, {_system_user()}"}
    fields = {"event": event, "user": user[:128], **who, **more}
    logger.info(json.dumps(fields), extra={"fields": fields})


def client() -> Client:
    """Return where the current request comes from."""
    # Not every store takes a NUL.
    user_agent = request.headers.get("User-Agent", "").replace("\0", "")
    return Client(plain_address(request.remote_addr or "")[:64], user_agent[:256])


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
