"""Logs: lines for people in development, lines of JSON in production."""

import logging
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter
from quart import Quart

from .request_log import add_request_id

ISO_8601 = "%Y-%m-%dT%H:%M:%S%z"


class EventFormatter(JsonFormatter):
    """JSON with the fields of an event, where a line has some, in place of a text."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of a line."""
        fields = log_data.pop("fields", None)
        return {**log_data, "message": fields["event"], **fields} if fields else log_data


def init_app(app: Quart) -> None:
    """Send all logs to standard error, unless somebody has set up logging already."""
    handler = create_handler(app.config["ENVIRONMENT"])
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    app.logger.setLevel(app.config["LOG_LEVEL"])
    for name in ("access", "audit"):
        logging.getLogger(name).setLevel(logging.INFO)


def create_handler(environment: str) -> "logging.StreamHandler[TextIO]":
    """Return what writes the lines: in `production` of JSON, else for people."""
    handler = logging.StreamHandler()
    if environment == "production":
        names = {"levelname": "level", "name": "logger", "asctime": "time"}
        fields = ["asctime", "levelname", "name", "message"]
        handler.setFormatter(EventFormatter(fields, rename_fields=names, datefmt=ISO_8601))
    else:
        line = "%(asctime)s %(levelname)s %(name)s [%(request_id)s]: %(message)s"
        handler.setFormatter(logging.Formatter(line, defaults={"request_id": "-"}))
    handler.addFilter(add_request_id)
    # Hypercorn writes its lines itself.
    handler.addFilter(lambda record: not record.name.startswith("hypercorn."))
    return handler
