"""Logs: lines for people in development, lines of JSON in production."""

import logging
from typing import Any

from pythonjsonlogger.json import JsonFormatter
from quart import Quart

ISO_8601 = "%Y-%m-%dT%H:%M:%S%z"


class EventFormatter(JsonFormatter):
    """JSON with the fields of an event, where a line has some, in place of a text."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of a line."""
        fields = log_data.pop("fields", None)
        return {**log_data, "message": fields["event"], **fields} if fields else log_data


def init_app(app: Quart) -> None:
    """Send all logs to standard error, unless somebody has set up logging already."""
    handler = logging.StreamHandler()
    if app.config["ENVIRONMENT"] == "production":
        names = {"levelname": "level", "name": "logger", "asctime": "time"}
        fields = ["asctime", "levelname", "name", "message"]
        handler.setFormatter(EventFormatter(fields, rename_fields=names, datefmt=ISO_8601))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    # Hypercorn writes its lines itself.
    handler.addFilter(lambda record: not record.name.startswith("hypercorn."))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    app.logger.setLevel(app.config["LOG_LEVEL"])
    logging.getLogger("audit").setLevel(logging.INFO)
