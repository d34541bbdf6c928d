"""An OAuth 2 and OpenID Connect provider on loopback, with one user who agrees to everything."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug import Request, Response
from werkzeug.serving import WSGIRequestHandler, make_server

CLIENT, SECRET = "shop", "the shop's secret"


class Quiet(WSGIRequestHandler):
    def log(self, *args: Any) -> None:
        pass


@cache
def signing_key() -> RSAKey:
    return RSAKey.generate_key(2048, parameters={"kid": "k1"})


class Provider:
    """Counts tokens; remembers what each code was asked with."""

    def __init__(self) -> None:
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: list[str] = []
        self.key = signing_key()
        self.url = ""

    def authorize(self, location: str) -> str:
        """Agree as the user would in a browser; return where the browser is sent."""
        asked = dict(parse_qsl(urlsplit(location).query))
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        back = urlsplit(asked["redirect_uri"])
        return back.path + "?" + urlencode({"code": code, "state": asked["state"]})

    def token(self, request: Request) -> tuple[int, dict[str, Any]]:
        form = request.form
        if form.get("grant_type") == "refresh_token":
            return 200, self._new_token()
        asked = self.codes.pop(form["code"], None)
        basic = request.authorization
        secret = basic.password if basic else form.get("client_secret")
        if asked is None or secret != SECRET or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        if "code_challenge" in asked:
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            if urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
                return 400, {"error": "invalid_grant"}
        token = self._new_token()
        if "openid" in asked.get("scope", ""):
            token["id_token"] = self._id_token(asked.get("nonce", ""))
        return 200, token

    def _new_token(self) -> dict[str, Any]:
        self.tokens.append(secrets.token_urlsafe(8))
        return {
            "access_token": self.tokens[-1],
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": "again",
        }

    def _id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "sub": "ann", "iat": now, "exp": now + 60}
        return jwt.encode({"alg": "RS256", "kid": "k1"}, {**claims, "nonce": nonce}, self.key)

    def user(self, request: Request) -> tuple[int, dict[str, Any]]:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return 401, {"error": "invalid_token"}
        return 200, {"sub": "ann", "name": "Ann", "email": "ann@example.org"}

    @Request.application
    def __call__(self, request: Request) -> Response:
        answers: dict[str, Any] = {
            "/token": self.token,
            "/user": self.user,
            "/jwks": lambda request: (200, {"keys": [self.key.as_dict(private=False)]}),
            "/.well-known/openid-configuration": lambda request: (
                200,
                {
                    "issuer": self.url,
                    "authorization_endpoint": f"{self.url}/authorize",
                    "token_endpoint": f"{self.url}/token",
                    "userinfo_endpoint": f"{self.url}/user",
                    "jwks_uri": f"{self.url}/jwks",
                    "id_token_signing_alg_values_supported": ["RS256"],
                },
            ),
        }
        status, data = answers[request.path](request)
        return Response(json.dumps(data), status, content_type="application/json")


@contextmanager
def serve() -> Iterator[Provider]:
    """Serve a provider on a free port, from a thread."""
    provider = Provider()
    server = make_server("127.0.0.1", 0, provider, threaded=True, request_handler=Quiet)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
