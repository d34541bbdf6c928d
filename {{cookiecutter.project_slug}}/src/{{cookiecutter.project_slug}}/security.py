"""What holds for every request: its host, its origin, who may see what, and the headers."""

from functools import lru_cache

from flask_login import current_user
from quart import Quart, Response, abort, current_app, request, websocket
from quart.typing import ResponseReturnValue
from quart.wrappers.base import BaseRequestWebsocket
from werkzeug.sansio.utils import host_is_trusted

from .extensions import csrf, login_manager

# Endpoints that anonymous users may reach. All others ask for a login.
PUBLIC = frozenset({"static", "auth.login", "auth.logout", "pages.healthz", "pages.readyz"})

DEVELOPMENT_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
_is_trusted = lru_cache(maxsize=64)(host_is_trusted)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # With no-referrer a browser sends `Origin: null`, and forms would be refused.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # What may be stored says so itself.
    "Cache-Control": "no-store",
}
SECURE_HEADERS = HEADERS | {"Strict-Transport-Security": "max-age=31536000"}


def init_app(app: Quart) -> None:
    """Register the checks, in the order in which they are made, and the headers."""
    if not app.config["TRUSTED_HOSTS"]:
        app.config["TRUSTED_HOSTS"] = DEVELOPMENT_HOSTS
    app.before_request(check_request)
    app.before_websocket(check_websocket)
    app.after_request(set_headers)


async def check_request() -> ResponseReturnValue | None:
    """Refuse a foreign host, a forged form, and anonymous users off the public pages."""
    _check_host(request)
    if request.method not in SAFE_METHODS and not _by_token():
        _check_origin(request)
        csrf.protect(apply_exemptions=True)
    endpoint = request.endpoint
    if endpoint is None or endpoint in PUBLIC or current_user.is_authenticated:
        return None
    return login_manager.unauthorized()  # type: ignore[no-any-return]


async def check_websocket() -> None:
    """Refuse a websocket before it is accepted: foreign host or origin, or nobody logged in."""
    _check_host(websocket)
    _check_origin(websocket)
    if not current_user.is_authenticated:
        abort(401)


async def set_headers(response: Response) -> Response:
    """Add the headers that a view has not set itself."""
    headers = SECURE_HEADERS if current_app.config["SESSION_COOKIE_SECURE"] else HEADERS
    given = {name.lower() for name, _ in response.headers}
    for name, value in headers.items():
        if name.lower() not in given:
            response.headers.add(name, value)
    return response


def _check_host(request: BaseRequestWebsocket) -> None:
    if not _is_trusted(request.host, tuple(current_app.config["TRUSTED_HOSTS"])):
        # Plain text: no page can link to anything under a host that may be no host name at all.
        refusal = "This host name is not among TRUSTED_HOSTS."
        abort(Response(refusal, 400, content_type="text/plain; charset=utf-8"))


def _check_origin(request: BaseRequestWebsocket) -> None:
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site not in (None, "same-origin", "none"):
        abort(403, "The request came from another site.")
    if origin is not None and origin.partition("://")[2] != request.host:
        abort(403, "The request came from another origin.")


def _by_token() -> bool:
    # A browser sends cookies by itself, but never this header.
    if "Authorization" not in request.headers or not current_user.is_authenticated:
        return False
    return current_user.session_token is None
