"""Refusals and faults: a page for people, JSON or a line of text for programs."""

from contextlib import suppress

from flask_wtf.csrf import CSRFError
from limits.errors import StorageError
from quart import (
    Quart,
    Response,
    current_app,
    has_request_context,
    jsonify,
    redirect,
    render_template,
    request,
)
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden, HTTPException, ServiceUnavailable, Unauthorized

from ..records import BackendUnavailable
from ..state import state
from .checks import is_probed
from .redirects import next_url


class BadLogin(Unauthorized):
    """A login that is refused: whoever was asked for, the answer is the same."""

    name = "Bad login"
    description = "Wrong user name or password."


def init_app(app: Quart) -> None:
    """Register the handlers."""
    app.register_error_handler(HTTPException, handle_http_exception)
    app.register_error_handler(CSRFError, handle_csrf_error)
    app.register_error_handler(BackendUnavailable, handle_unavailable)
    app.register_error_handler(StorageError, handle_unavailable)


def wants_html() -> bool:
    """Return whether the client is a browser: it accepts HTML and sends no Authorization."""
    if "Authorization" in request.headers:
        return False
    return "text/html" in request.headers.get("Accept", "")


def wants_json() -> bool:
    """Return whether the client is a program that asks for JSON, or sends a token."""
    return "Authorization" in request.headers or (
        request.accept_mimetypes.best == "application/json"
    )


async def handle_http_exception(error: HTTPException) -> ResponseReturnValue:
    """Answer an HTTP error in the form that the client reads."""
    if error.response is not None:
        return error.response  # type: ignore[return-value]  # Werkzeug's, which Quart accepts
    response = Response(error.name, mimetype="text/plain")
    # Without a request this is a websocket, before it is accepted. Who probes is told no more.
    asked = has_request_context() and not is_probed(request)
    if asked and wants_html():
        # The page shows who is logged in if that is known, and asks no store that may be gone.
        state().login_manager.load_nobody()
        response = Response(await render_template("error.html", error=error))
    elif asked and wants_json():
        response = jsonify(error=error.name, description=error.description)
    response.status_code = error.code or 500
    for name, value in error.get_headers():
        if name != "Content-Type":
            response.headers[name] = value
    return response


async def handle_csrf_error(error: CSRFError) -> ResponseReturnValue:
    """Refuse a form without a good token as forbidden."""
    # The form may have been open in another tab before this browser logged in.
    with suppress(BackendUnavailable):
        if request.endpoint == state().login_view and state().is_logged_in():
            return redirect(next_url(), 303)
    description = f"{error.description} Go back, reload the page and try again."
    return await handle_http_exception(Forbidden(description))


async def handle_unavailable(error: Exception) -> ResponseReturnValue:
    """Answer 503 while a store cannot be reached; nobody is let in."""
    current_app.logger.error("%s", error)
    return await handle_http_exception(
        ServiceUnavailable("A part of this site is out of reach. Try again soon.")
    )
