"""Flask-Principal: identities, needs and permissions."""

from __future__ import annotations

import pytest
from flask import g
from flask_principal import (
    AnonymousIdentity,
    Identity,
    Permission,
    PermissionDenied,
    Principal,
    RoleNeed,
    UserNeed,
    identity_changed,
    identity_loaded,
)

admin = Permission(RoleNeed("admin"))
ROLES = {"ann": ["admin"], "bob": []}


@pytest.fixture
def principal(app):
    principal = Principal(app)

    @identity_loaded.connect_via(app)
    def provide(sender, identity):
        identity.provides.add(UserNeed(identity.id))
        identity.provides.update(map(RoleNeed, ROLES.get(identity.id, [])))

    @app.route("/login/<name>")
    def login(name):
        from flask import current_app

        identity_changed.send(current_app._get_current_object(), identity=Identity(name))
        return "in"

    @app.route("/logout")
    def logout():
        identity_changed.send(app, identity=AnonymousIdentity())
        return "out"

    yield principal
    identity_loaded.disconnect(provide, app)


@pytest.mark.quart_async
async def test_a_permission_opens_a_view(app, browser, principal, view):
    ran = []

    @app.route("/admin")
    @admin.require(403)
    @view
    def panel():
        ran.append(g.identity.id)
        return "panel"

    assert (await browser.get("/admin")).status == 403
    await browser.get("/login/bob")
    assert (await browser.get("/admin")).status == 403
    await browser.get("/login/ann")
    assert (await browser.get("/admin")).text == "panel"
    assert ran == ["ann"]


async def test_the_identity_is_kept_in_the_session(app, browser, principal, view):
    @app.route("/who")
    @view
    def who():
        return str(g.identity.id)

    await browser.get("/login/bob")
    assert (await browser.get("/who")).text == "bob"
    await browser.get("/logout")
    assert (await browser.get("/who")).text == "None"


async def test_a_block_is_guarded(app, browser, principal, view):
    @app.route("/")
    @view
    def index():
        try:
            with admin.require():
                return "inside"
        except PermissionDenied:
            return "outside"

    assert (await browser.get("/")).text == "outside"
    await browser.get("/login/ann")
    assert (await browser.get("/")).text == "inside"


async def test_a_refusal_is_answered_by_an_error_handler(app, browser, principal, view):
    @app.errorhandler(PermissionDenied)
    @view
    def refuse(error):
        return "denied", 418

    @app.route("/admin")
    @view
    def panel():
        admin.test()
        return "panel"

    reply = await browser.get("/admin")
    assert (reply.status, reply.text) == (418, "denied")


async def test_needs_are_combined(app, browser, principal, view):
    only_bob = Permission(UserNeed("bob"))

    @app.route("/")
    @view
    def index():
        return f"{admin.union(only_bob).can()} {only_bob.can()} {admin.reverse().can()}"

    await browser.get("/login/bob")
    assert (await browser.get("/")).text == "True True True"
    await browser.get("/login/ann")
    assert (await browser.get("/")).text == "True False False"


async def test_an_identity_is_loaded_from_a_header(app, browser, view):
    principal = Principal(app, use_sessions=False)

    @principal.identity_loader
    def load():
        from flask import request

        return Identity(request.headers["X-Name"]) if "X-Name" in request.headers else None

    @app.route("/who")
    @view
    def who():
        return str(g.identity.id)

    assert (await browser.get("/who", headers={"X-Name": "ann"})).text == "ann"
    assert (await browser.get("/who")).text == "None"
