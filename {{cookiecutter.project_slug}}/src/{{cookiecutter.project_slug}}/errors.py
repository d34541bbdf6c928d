"""Refusals and faults: a page for people, plain text or JSON for programs."""

import time

from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from limits.errors import StorageError
from quart import (
    Quart,
    Response,
    current_app,
    has_request_context,
    jsonify,
    render_template,
    request,
)
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden, HTTPException, ServiceUnavailable

from .extensions import limiter, login_manager
from .users import BackendUnavailable


def init_app(app: Quart) -> None:
    """Register the handlers."""
    app.register_error_handler(HTTPException, answer)
    app.register_error_handler(CSRFError, refuse_forgery)
    app.register_error_handler(RateLimitExceeded, refuse_more)
    app.register_error_handler(BackendUnavailable, report_outage)
    app.register_error_handler(StorageError, report_outage)


def wants_html() -> bool:
    """Say whether the client is a browser: it accepts HTML and sends no Authorization."""
    if "Authorization" in request.headers:
        return False
    return "text/html" in request.headers.get("Accept", "")


def wants_json() -> bool:
    """Say whether the client is a program that asks for JSON."""
    return request.accept_mimetypes.best == "application/json"


async def answer(error: HTTPException) -> ResponseReturnValue:
    """Answer an HTTP error in the form that the client reads."""
    if error.response is not None:
        return error.response  # type: ignore[return-value]  # Werkzeug's, which Quart accepts
    response = Response(error.name, mimetype="text/plain")
    # Without a request this is a websocket, before it is accepted.
    if has_request_context() and wants_html():
        response = Response(await render_template("error.html", error=error))
    elif has_request_context() and wants_json():
        response = jsonify(error=error.name, description=error.description)
    response.status_code = error.code or 500
    for name, value in error.get_headers():
        if name != "Content-Type":
            response.headers[name] = value
    return response


async def refuse_forgery(error: CSRFError) -> ResponseReturnValue:
    """Refuse a form without a good token as forbidden."""
    return await answer(Forbidden(f"{error.description} Go back, reload the page and try again."))


async def refuse_more(error: RateLimitExceeded) -> ResponseReturnValue:
    """Refuse an attempt too many and say when the next may be made."""
    limit = limiter.current_limit
    error.retry_after = max(1, limit.reset_at - int(time.time())) if limit else 60
    error.description = f"Too many attempts. Try again in {-(-error.retry_after // 60)} min."
    return await answer(error)


async def report_outage(error: Exception) -> ResponseReturnValue:
    """Answer 503 while the users or the throttle cannot be reached; nobody is let in."""
    current_app.logger.error("%s", error)
    # The page must not ask the backend again.
    login_manager._update_request_context_with_user()
    return await answer(ServiceUnavailable("A part of this site is out of reach. Try again soon."))
