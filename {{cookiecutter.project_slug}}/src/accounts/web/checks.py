"""What holds for every request: its host, its origin, and who may see what."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask_login import current_user
from quart import Quart, Request, Response, abort, current_app, request, websocket
from quart.typing import ResponseReturnValue
from quart.wrappers.base import BaseRequestWebsocket

from ..hosts import is_trusted
from ..login_manager import is_by_token
from ..state import state

View = TypeVar("View", bound=Callable[..., Any])

DEVELOPMENT_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
BEHIND_A_PROXY = (
    "Behind a proxy, it has to pass on the host with its port (nginx: proxy_set_header Host "
    "$http_host, or X-Forwarded-Port) and X-Forwarded-Proto, and TRUSTED_PROXIES has to be set."
)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def public(view: View) -> View:
    """Decorate a view or websocket that anonymous visitors may see; all others ask for a login."""
    view.is_public = True  # type: ignore[attr-defined]  # functions take attributes
    return view


def probe(view: View) -> View:
    """Decorate a view for health checks: public, and answered whatever host it is asked for by.

    Orchestrators and load balancers ask by address. So it should tell nothing.
    """
    view.is_probe = True  # type: ignore[attr-defined]  # as above
    return public(view)


def init_app(app: Quart) -> None:
    """Register the checks, in the order in which they are made."""
    if not app.config["TRUSTED_HOSTS"]:
        app.config["TRUSTED_HOSTS"] = DEVELOPMENT_HOSTS
    app.before_request(check_request)
    app.before_websocket(check_websocket)


async def check_request() -> ResponseReturnValue | None:
    """Refuse a foreign host, a forged form, and anonymous users off the public pages."""
    # Each look through a proxy costs; this is done for every request.
    proxy: Any = request
    asked: Request = proxy._get_current_object()
    _check_host(asked)
    if asked.method not in SAFE_METHODS and not is_by_token():
        _check_origin(asked)
        state().csrf.protect(apply_exemptions=True)
    # Nobody sees anything on a page that is not there, nor in the answer to a preflight, which
    # browsers send without cookies and the app answers without calling the view.
    if asked.endpoint is None or _is_public(asked.endpoint) or _is_preflight(asked):
        return None
    if current_user.is_authenticated:
        return None
    refusal: ResponseReturnValue = state().login_manager.unauthorized()
    return refusal


async def check_websocket() -> None:
    """Refuse a websocket before it is accepted: foreign host or origin, or nobody logged in."""
    _check_host(websocket)
    _check_origin(websocket)
    if websocket.endpoint is None or _is_public(websocket.endpoint):
        return
    if not current_user.is_authenticated:
        abort(401)


def is_probed(request: BaseRequestWebsocket) -> bool:
    """Return whether the request is a health check."""
    view = current_app.view_functions.get(request.endpoint or "")
    return bool(getattr(view, "is_probe", False))


def _is_public(endpoint: str) -> bool:
    app: Any = current_app
    view = app.view_functions.get(endpoint)
    if getattr(view, "is_public", False):
        return True
    # Static files are as open as the login page that needs them, those of blueprints too.
    # It is the app's, or a blueprint's, own method that sends them.
    sender = getattr(view, "__self__", None)
    return sender is not None and (sender == app or sender in app.blueprints.values())


def _is_preflight(asked: Request) -> bool:
    rule = asked.url_rule
    return (
        asked.method == "OPTIONS"
        and "Access-Control-Request-Method" in asked.headers
        and rule is not None
        and bool(rule.provide_automatic_options)
    )


def _check_host(request: BaseRequestWebsocket) -> None:
    trusted = is_trusted(request.host, current_app.config["TRUSTED_HOSTS"])
    if not trusted and not is_probed(request):
        # Plain text: no page can link to anything under a host that may be no host name at all.
        refusal = "This host name is not among TRUSTED_HOSTS."
        abort(Response(refusal, 400, content_type="text/plain; charset=utf-8"))


def _check_origin(request: BaseRequestWebsocket) -> None:
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site not in (None, "same-origin", "none"):
        abort(403, "The request came from another site.")
    if origin is not None and origin != _own_origin(request):
        abort(403, "The request came from another origin. " + BEHIND_A_PROXY)


def _own_origin(request: BaseRequestWebsocket) -> str:
    # In production the site is reached by HTTPS alone, whatever a proxy speaks to the app.
    secure = current_app.config["SESSION_COOKIE_SECURE"] or request.scheme in ("https", "wss")
    return f"{'https' if secure else 'http'}://{request.host}"
