"""Flask-Dance: login through an OAuth 2 provider that runs on loopback."""

from __future__ import annotations

import pytest
from flask import redirect, url_for
from flask_dance.consumer import OAuth2ConsumerBlueprint, oauth_authorized, oauth_error

import provider as oauth


@pytest.fixture
def provider(monkeypatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    with oauth.serve() as provider:
        yield provider


@pytest.fixture
def blueprint(app, provider):
    blueprint = OAuth2ConsumerBlueprint(
        "sso",
        __name__,
        client_id=oauth.CLIENT,
        client_secret=oauth.SECRET,
        base_url=provider.url + "/",
        authorization_url=f"{provider.url}/authorize",
        token_url=f"{provider.url}/token",
        redirect_to="home",
        scope=["profile"],
    )
    app.register_blueprint(blueprint, url_prefix="/login")
    return blueprint


@pytest.fixture
def home(app, blueprint, view):
    @app.route("/")
    @view
    def home():
        if not blueprint.session.authorized:
            return redirect(url_for("sso.login"))
        return f"hello {blueprint.session.get('user').json()['name']}"

    return home


async def log_in(browser, provider):
    reply = await browser.get("/login/sso")
    return await browser.get(provider.authorize(reply.location))


async def test_a_stranger_is_sent_to_the_provider(browser, provider, home):
    assert (await browser.get("/")).location == "/login/sso"
    reply = await browser.get("/login/sso")
    assert reply.status == 302
    assert reply.location.startswith(f"{provider.url}/authorize?response_type=code&client_id=shop")


async def test_a_user_comes_back_logged_in(browser, provider, home):
    reply = await log_in(browser, provider)
    assert (reply.status, reply.location) == (302, "/")
    assert (await browser.get("/")).text == "hello Ann"


async def test_an_answer_nobody_asked_for_is_refused(browser, provider, home):
    reply = await browser.get("/login/sso/authorized?code=x&state=forged")
    assert reply.status == 302
    assert "/login/sso" in reply.location
    assert provider.tokens == []


async def test_a_signal_tells_of_the_login(app, browser, provider, blueprint, home):
    heard = []

    def hear(sender, token):
        heard.append(token["access_token"])

    with oauth_authorized.connected_to(hear, blueprint):
        await log_in(browser, provider)
    assert heard == provider.tokens


async def test_a_receiver_keeps_the_token_from_being_stored(browser, provider, blueprint, home):
    def hear(sender, token):
        return False

    with oauth_authorized.connected_to(hear, blueprint):
        await log_in(browser, provider)
    assert (await browser.get("/")).location == "/login/sso"


async def test_a_refusal_is_told_by_a_signal(browser, provider, blueprint, home):
    heard = []

    def hear(sender, error, **extra):
        heard.append(error)

    await browser.get("/login/sso")
    with oauth_error.connected_to(hear, blueprint):
        reply = await browser.get("/login/sso/authorized?error=access_denied")
    assert heard == ["access_denied"]
    assert reply.location == "/"


async def test_the_token_is_forgotten_at_logout(app, browser, provider, blueprint, home, view):
    @app.route("/logout")
    @view
    def logout():
        del blueprint.token
        return "out"

    await log_in(browser, provider)
    assert (await browser.get("/logout")).text == "out"
    assert (await browser.get("/")).status == 302


async def test_the_proxy_of_a_ready_made_blueprint_is_the_requests_own(app, browser, view):
    from flask_dance.contrib.github import github, make_github_blueprint

    blueprint = make_github_blueprint(client_id="id", client_secret="secret")
    app.register_blueprint(blueprint, url_prefix="/login")

    @app.route("/")
    @view
    def index():
        return str(github.authorized)

    assert (await browser.get("/")).text == "False"
    assert "client_id=id" in (await browser.get("/login/github")).location
