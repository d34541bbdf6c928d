"""The audit log: a line of JSON for each thing that happens to an account."""

import json
import logging
from datetime import UTC, datetime

from quart import request

logger = logging.getLogger("audit")


def init_logging() -> None:
    """Send the audit log to standard error, one event a line."""
    logger.setLevel(logging.INFO)
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)


def record(event: str, user: str) -> None:
    """Write who did what from where; JSON escapes what could forge a line."""
    entry = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "event": event,
        "user": user[:128],
        "address": request.remote_addr,
        "user_agent": request.headers.get("User-Agent", "")[:256],
    }
    logger.info(json.dumps(entry))
