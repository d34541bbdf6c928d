"""Flask-OAuth2-Login: login through a provider that runs on loopback."""

from __future__ import annotations

import pytest
from flask import redirect
from flask_oauth2_login import GoogleLogin
from flask_oauth2_login.base import OAuth2Login

import provider as oauth


@pytest.fixture
def provider(monkeypatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    with oauth.serve() as provider:
        yield provider


@pytest.fixture
def login(app, provider, view):
    class ShopLogin(OAuth2Login):
        config_prefix = "SHOP_LOGIN_"
        redirect_endpoint = "_shop"
        state_session_key = "_shop_state"
        default_scope = "profile"
        default_redirect_path = "/login/shop"
        auth_url = f"{provider.url}/authorize"
        token_url = f"{provider.url}/token"

        def get_profile(self, session):
            return session.get(f"{provider.url}/user").json()

    app.config.update(SHOP_LOGIN_CLIENT_ID=oauth.CLIENT, SHOP_LOGIN_CLIENT_SECRET=oauth.SECRET)
    app.config["SHOP_LOGIN_REDIRECT_SCHEME"] = "http"
    login = ShopLogin(app)
    login.login_success(lambda token, profile: f"hello {profile['name']}")
    login.login_failure(lambda error: (type(error).__name__, 401))

    @app.route("/")
    @view
    def home():
        return redirect(login.authorization_url())

    return login


async def test_a_ready_made_provider_has_its_url(app, browser, view):
    app.config.update(GOOGLE_LOGIN_CLIENT_ID="id", GOOGLE_LOGIN_REDIRECT_SCHEME="http")
    google = GoogleLogin(app)

    @app.route("/")
    @view
    def home():
        return google.authorization_url()

    page = await browser.get("/")
    assert page.status == 200
    assert "redirect_uri=http%3A%2F%2Flocalhost%2Flogin%2Fgoogle" in page.text


async def test_a_user_comes_back_logged_in(browser, provider, login):
    back = provider.authorize((await browser.get("/")).location)
    assert (await browser.get(back)).text == "hello Ann"


async def test_a_bad_code_is_refused(browser, login):
    reply = await browser.get("/login/shop?code=invented&state=x")
    assert reply.status == 401
