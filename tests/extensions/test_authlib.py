"""Authlib's Flask client: OAuth 2 and OpenID Connect with a provider that runs on loopback."""

from __future__ import annotations

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth, token_update
from flask import session, url_for

import provider as oauth_provider


@pytest.fixture
def provider():
    with oauth_provider.serve() as provider:
        yield provider


@pytest.fixture
def oauth(app):
    return OAuth(app)


@pytest.fixture
def client(oauth, provider):
    return oauth.register(
        "sso",
        client_id=oauth_provider.CLIENT,
        client_secret=oauth_provider.SECRET,
        access_token_url=f"{provider.url}/token",
        authorize_url=f"{provider.url}/authorize",
        api_base_url=provider.url + "/",
        client_kwargs={"scope": "profile"},
    )


@pytest.fixture
def connect(oauth, provider):
    """The same provider, described by its own document."""
    return oauth.register(
        "oidc",
        client_id=oauth_provider.CLIENT,
        client_secret=oauth_provider.SECRET,
        server_metadata_url=f"{provider.url}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile", "code_challenge_method": "S256"},
    )


def add_login(app, view, client):
    @app.route("/login")
    @view
    def login():
        return client.authorize_redirect(url_for("callback", _external=True))

    @app.route("/callback")
    @view
    def callback():
        try:
            session["token"] = client.authorize_access_token()
        except OAuthError as error:
            return error.error, 400
        return session["token"].get("userinfo") or "in"


async def test_a_stranger_is_sent_to_the_provider(app, browser, provider, client, view):
    add_login(app, view, client)
    reply = await browser.get("/login")
    assert reply.status == 302
    assert reply.location.startswith(f"{provider.url}/authorize?response_type=code&client_id=shop")
    assert "redirect_uri=http%3A%2F%2Flocalhost%2Fcallback" in reply.location


async def test_a_user_comes_back_with_a_token(app, browser, provider, client, view):
    add_login(app, view, client)

    @app.route("/me")
    @view
    def me():
        return client.get("user", token=session["token"]).json()["name"]

    back = provider.authorize((await browser.get("/login")).location)
    assert (await browser.get(back)).text == "in"
    assert (await browser.get("/me")).text == "Ann"


async def test_a_forged_state_is_refused(app, browser, provider, client, view):
    add_login(app, view, client)
    await browser.get("/login")
    reply = await browser.get("/callback?code=x&state=forged")
    assert (reply.status, reply.text) == (400, "mismatching_state")
    assert provider.tokens == []


async def test_a_refusal_is_an_error(app, browser, provider, client, view):
    add_login(app, view, client)
    reply = await browser.get("/callback?error=access_denied")
    assert (reply.status, reply.text) == (400, "access_denied")


async def test_openid_connect_proves_who_the_user_is(app, browser, provider, connect, view):
    add_login(app, view, connect)
    location = (await browser.get("/login")).location
    assert "code_challenge=" in location
    assert "nonce=" in location
    assert (await browser.get(provider.authorize(location))).json["sub"] == "ann"


async def test_a_token_for_another_login_is_refused(app, browser, provider, connect, view):
    add_login(app, view, connect)
    back = provider.authorize((await browser.get("/login")).location)
    (asked,) = provider.codes.values()
    asked["code_challenge"] = "of another login"
    assert (await browser.get(back)).status == 400


async def test_user_info_is_asked_for(app, browser, provider, connect, view):
    add_login(app, view, connect)

    @app.route("/me")
    @view
    def me():
        return connect.userinfo(token=session["token"])

    await browser.get(provider.authorize((await browser.get("/login")).location))
    assert (await browser.get("/me")).json["email"] == "ann@example.org"


async def test_an_old_token_is_renewed(app, browser, oauth, provider, view):
    renewed = []
    client = oauth.register(
        "sso",
        client_id=oauth_provider.CLIENT,
        client_secret=oauth_provider.SECRET,
        access_token_url=f"{provider.url}/token",
        api_base_url=provider.url + "/",
    )

    @app.route("/me")
    @view
    def me():
        old = {"access_token": "old", "refresh_token": "again", "expires_at": 1}
        return client.get("user", token={**old, "token_type": "Bearer"}).json()["name"]

    def keep(sender, name, token, **extra):
        renewed.append(token["access_token"])

    with token_update.connected_to(keep):
        assert (await browser.get("/me")).text == "Ann"
    assert renewed == provider.tokens


async def test_a_client_is_configured_by_the_app(app, browser, view):
    app.config.update(
        SSO_CLIENT_ID="from-config",
        SSO_AUTHORIZE_URL="https://sso.example/authorize",
        SSO_ACCESS_TOKEN_URL="https://sso.example/token",
    )
    oauth = OAuth()
    oauth.register("sso")
    oauth.init_app(app)

    @app.route("/login")
    @view
    def login():
        return oauth.sso.authorize_redirect("https://app.example/callback")

    location = (await browser.get("/login")).location
    assert location.startswith(
        "https://sso.example/authorize?response_type=code&client_id=from-conf"
    )
