"""Flask-Login: sessions, remember cookies, loaders, decorators and signals."""

from __future__ import annotations

import asyncio
import inspect
import logging

import pytest
from flask import abort, flash, get_flashed_messages, render_template_string, request, session
from flask_login import (
    AnonymousUserMixin,
    LoginManager,
    UserMixin,
    confirm_login,
    current_user,
    fresh_login_required,
    login_fresh,
    login_remembered,
    login_required,
    login_user,
    logout_user,
    user_logged_in,
    user_logged_out,
    user_unauthorized,
)

from harness import Browser, Meeting, all_at_once, app_context, wait_for


class User(UserMixin):
    def __init__(self, id: str, active: bool = True) -> None:
        self.id = id
        self.active = active

    @property
    def is_active(self) -> bool:
        return self.active


USERS = {"ann": User("ann"), "bob": User("bob"), "off": User("off", active=False)}


@pytest.fixture
def manager(app):
    manager = LoginManager(app)
    manager.user_loader(USERS.get)

    @app.route("/login/<name>")
    def login(name):
        remember = "remember" in request.args
        fresh = "stale" not in request.args
        return str(login_user(USERS[name], remember=remember, fresh=fresh))

    @app.route("/logout")
    def logout():
        return str(logout_user())

    @app.route("/who")
    def who():
        return current_user.get_id() or "nobody"

    return manager


# Views


async def test_an_app_with_only_a_manager_serves_its_pages(app, browser, view):
    LoginManager(app)

    @app.route("/")
    @view
    def index():
        return "Hello"

    assert (await browser.get("/")).text == "Hello"


async def test_a_user_is_known_after_login(app, browser, manager, view):
    @app.route("/me")
    @view
    def me():
        return current_user.id if current_user.is_authenticated else "nobody"

    assert (await browser.get("/me")).text == "nobody"
    assert (await browser.get("/login/ann")).text == "True"
    assert (await browser.get("/me")).text == "ann"


async def test_a_view_logs_the_user_in_and_out(app, browser, manager, view):
    @app.route("/in")
    @view
    def enter():
        login_user(USERS["bob"])
        return current_user.id

    @app.route("/out")
    @view
    def leave():
        logout_user()
        return str(current_user.is_authenticated)

    assert (await browser.get("/in")).text == "bob"
    assert (await browser.get("/who")).text == "bob"
    assert (await browser.get("/out")).text == "False"
    assert (await browser.get("/who")).text == "nobody"


async def test_login_required_refuses_strangers_and_admits_users(app, browser, manager, view):
    ran = []

    @app.route("/secret")
    @login_required
    @view
    def secret():
        ran.append(current_user.id)
        return f"for {current_user.id}"

    assert (await browser.get("/secret")).status == 401
    assert ran == []
    await browser.get("/login/ann")
    assert (await browser.get("/secret")).text == "for ann"
    assert ran == ["ann"]


async def test_login_required_hands_arguments_on(app, browser, manager, view):
    @app.route("/<int:year>/<slug>")
    @login_required
    @view
    def post(year, slug):
        return f"{year + 1} {slug}"

    await browser.get("/login/ann")
    assert (await browser.get("/2024/hello")).text == "2025 hello"


async def test_login_required_lets_options_through(app, browser, manager, view):
    @app.route("/secret", methods=["GET", "OPTIONS"])
    @login_required
    @view
    def secret():
        return "reached"

    assert (await browser.options("/secret")).text == "reached"


async def test_login_required_keeps_status_headers_and_errors_of_the_view(
    app, browser, manager, view
):
    @app.route("/made")
    @login_required
    @view
    def made():
        return {"id": current_user.id}, 201, {"X-Made": "yes"}

    @app.route("/missing")
    @login_required
    @view
    def missing():
        abort(404)

    await browser.get("/login/ann")
    reply = await browser.get("/made")
    assert (reply.status, reply.json, reply.headers["X-Made"]) == (201, {"id": "ann"}, "yes")
    assert (await browser.get("/missing")).status == 404


async def test_login_required_guards_a_view_class(app, browser, manager, view):
    from flask.views import View

    class Secret(View):
        decorators = [login_required]
        dispatch_request = view(lambda self: f"for {current_user.id}")

    app.add_url_rule("/secret", view_func=Secret.as_view("secret"))
    assert (await browser.get("/secret")).status == 401
    await browser.get("/login/ann")
    assert (await browser.get("/secret")).text == "for ann"


async def test_login_required_guards_one_method_of_a_method_view(app, browser, manager, view):
    from flask.views import MethodView

    class Item(MethodView):
        get = view(lambda self: "open")
        post = login_required(view(lambda self: f"by {current_user.id}"))

    app.add_url_rule("/item", view_func=Item.as_view("item"))
    assert (await browser.get("/item")).text == "open"
    assert (await browser.post("/item")).status == 401
    await browser.get("/login/ann")
    assert (await browser.post("/item")).text == "by ann"


@pytest.mark.quart
async def test_login_required_guards_a_view_class_of_quart(app, browser, manager):
    from quart.views import MethodView as QuartMethodView

    class Item(QuartMethodView):
        decorators = [login_required]

        async def get(self):
            await asyncio.sleep(0)
            return f"for {current_user.id}"

    app.add_url_rule("/item", view_func=Item.as_view("item"))
    assert (await browser.get("/item")).status == 401
    await browser.get("/login/ann")
    assert (await browser.get("/item")).text == "for ann"


@pytest.mark.quart
async def test_an_async_view_reads_its_form_under_login_required(app, browser, manager):
    from quart import request as quart_request

    @app.route("/echo", methods=["POST"])
    @login_required
    async def echo():
        form = await quart_request.form
        return f"{current_user.id}: {form['text']}"

    await browser.get("/login/ann")
    assert (await browser.post("/echo", form={"text": "hi"})).text == "ann: hi"


@pytest.mark.quart
async def test_an_async_view_streams_under_login_required(app, browser, manager):
    from quart import stream_with_context

    @app.route("/stream")
    @login_required
    async def stream():
        @stream_with_context
        async def lines():
            for number in range(3):
                await asyncio.sleep(0)
                yield f"{current_user.id}{number} "

        return lines()

    await browser.get("/login/ann")
    assert (await browser.get("/stream")).text == "ann0 ann1 ann2 "


async def test_a_sync_view_streams_under_login_required(app, browser, manager):
    from flask import stream_with_context

    @app.route("/stream")
    @login_required
    def stream():
        return stream_with_context(f"{current_user.id}{number} " for number in range(3))

    await browser.get("/login/ann")
    assert (await browser.get("/stream")).text == "ann0 ann1 ann2 "


@pytest.mark.quart
async def test_waiting_views_under_login_required_overlap(app, manager):
    meeting = Meeting(20)

    @app.route("/meet")
    @login_required
    async def meet():
        await meeting.join()
        return current_user.id

    browsers = [Browser(app) for _ in range(20)]
    for number, browser in enumerate(browsers):
        await browser.get("/login/ann" if number % 2 else "/login/bob")
    replies = await all_at_once(browsers, "/meet")
    assert [reply.text for reply in replies] == ["bob", "ann"] * 10


@pytest.mark.quart
async def test_sync_views_that_wait_overlap(app, manager):
    meeting = Meeting(8)

    @app.route("/meet")
    @login_required
    def meet():
        wait_for(meeting.join())
        return current_user.id

    browsers = [Browser(app) for _ in range(8)]
    for browser in browsers:
        await browser.get("/login/ann")
    assert [reply.text for reply in await all_at_once(browsers, "/meet")] == ["ann"] * 8


async def test_blueprint_views_log_in(app, browser, manager, view):
    from flask import Blueprint

    bp = Blueprint("auth", "auth", url_prefix="/auth")

    @bp.route("/login", methods=["POST"])
    @view
    def login():
        login_user(USERS[request.args["name"]])
        return "welcome"

    @bp.route("/account")
    @login_required
    @view
    def account():
        return f"{request.blueprint} {current_user.id}"

    app.register_blueprint(bp)
    assert (await browser.get("/auth/account")).status == 401
    assert (await browser.post("/auth/login?name=ann")).text == "welcome"
    assert (await browser.get("/auth/account")).text == "auth ann"


@pytest.mark.quart
async def test_views_of_a_quart_blueprint_log_in(app, browser, manager):
    from quart import Blueprint
    from quart import request as quart_request

    bp = Blueprint("auth", __name__)

    @bp.route("/enter", methods=["POST"])
    async def enter():
        login_user(USERS[(await quart_request.form)["name"]])
        return "welcome"

    @bp.route("/account")
    @login_required
    async def account():
        return current_user.id

    app.register_blueprint(bp, url_prefix="/auth")
    await browser.post("/auth/enter", form={"name": "bob"})
    assert (await browser.get("/auth/account")).text == "bob"


async def test_before_request_guards_a_whole_blueprint(app, browser, manager, view):
    from flask import Blueprint

    bp = Blueprint("inside", "inside")
    bp.before_request(login_required(lambda: None))

    @bp.route("/inside")
    @view
    def inside():
        return "in"

    app.register_blueprint(bp)
    assert (await browser.get("/inside")).status == 401
    await browser.get("/login/ann")
    assert (await browser.get("/inside")).text == "in"


async def test_sync_hooks_see_the_user(app, browser, manager, view):
    seen = []
    app.before_request(lambda: seen.append(current_user.get_id()))

    @app.after_request
    def sign(response):
        response.headers["X-User"] = current_user.get_id() or "nobody"
        return response

    @app.route("/page")
    @view
    def page():
        return "page"

    await browser.get("/login/ann")
    assert (await browser.get("/page")).headers["X-User"] == "ann"
    assert seen == [None, "ann"]


@pytest.mark.quart
async def test_async_hooks_see_the_user(app, browser, manager):
    seen = []

    @app.before_request
    async def look():
        await asyncio.sleep(0)
        seen.append(current_user.get_id())

    @app.after_request
    async def sign(response):
        await asyncio.sleep(0)
        response.headers["X-User"] = current_user.get_id()
        return response

    await browser.get("/login/ann")
    assert (await browser.get("/who")).headers["X-User"] == "ann"
    assert seen == [None, "ann"]


# Refusals


async def test_strangers_are_sent_to_the_login_view_with_next(app, browser, manager, view):
    manager.login_view = "login_form"

    @app.route("/enter")
    @view
    def login_form():
        return " ".join(get_flashed_messages())

    @app.route("/secret")
    @login_required
    @view
    def secret():
        return "secret"

    reply = await browser.get("/secret?page=2")
    assert reply.status == 302
    assert reply.location == "/enter?next=%2Fsecret%3Fpage%3D2"
    assert (await browser.get("/enter")).text == "Please log in to access this page."


async def test_the_refusal_message_has_its_category_and_language(app, browser, manager):
    manager.login_view = "who"
    manager.login_message = "Log in first"
    manager.login_message_category = "warning"
    manager.localize_callback = str.upper

    @app.route("/secret")
    @login_required
    def secret():
        return "secret"

    @app.route("/messages")
    def messages():
        return repr(get_flashed_messages(with_categories=True))

    await browser.get("/secret")
    assert (await browser.get("/messages")).text == repr([("warning", "LOG IN FIRST")])


async def test_next_can_be_kept_in_the_session(app, browser, manager):
    app.config["USE_SESSION_FOR_NEXT"] = True
    manager.login_view = "who"

    @app.route("/secret")
    @login_required
    def secret():
        return "secret"

    @app.route("/next")
    def next_page():
        return session["next"]

    assert (await browser.get("/secret")).location.startswith("/who")
    assert (await browser.get("/next")).text == "/secret"


async def test_each_blueprint_has_its_login_view(app, browser, manager, view):
    from flask import Blueprint

    bp = Blueprint("shop", "shop", url_prefix="/shop")
    manager.blueprint_login_views = {"shop": "shop.enter"}

    @bp.route("/enter")
    @view
    def enter():
        return "enter"

    @bp.route("/cart")
    @login_required
    @view
    def cart():
        return "cart"

    app.register_blueprint(bp)
    assert (await browser.get("/shop/cart")).location == "/shop/enter?next=%2Fshop%2Fcart"


async def test_an_unauthorized_handler_answers(app, browser, manager, view):
    @manager.unauthorized_handler
    def refuse():
        return {"error": request.path}, 418

    @app.route("/secret")
    @login_required
    @view
    def secret():
        return "secret"

    reply = await browser.get("/secret")
    assert (reply.status, reply.json) == (418, {"error": "/secret"})


@pytest.mark.quart
async def test_an_async_unauthorized_handler_answers(app, browser, manager, view):
    @manager.unauthorized_handler
    async def refuse():
        await asyncio.sleep(0)
        return f"no {request.path}", 403

    @app.route("/secret")
    @login_required
    @view
    def secret():
        return "secret"

    reply = await browser.get("/secret")
    assert (reply.status, reply.text) == (403, "no /secret")


async def test_an_error_handler_answers_for_401(app, browser, manager, view):
    @app.errorhandler(401)
    @view
    def unauthorized(error):
        return f"{error.code} for {request.path}", 401

    @app.route("/secret")
    @login_required
    @view
    def secret():
        return "secret"

    assert (await browser.get("/secret")).text == "401 for /secret"


async def test_an_inactive_user_is_not_logged_in(browser, manager):
    assert (await browser.get("/login/off")).text == "False"
    assert (await browser.get("/who")).text == "nobody"


async def test_login_disabled_opens_every_view(app, browser, manager, view):
    app.config["LOGIN_DISABLED"] = True

    @app.route("/secret")
    @login_required
    @view
    def secret():
        return "open"

    assert (await browser.get("/secret")).text == "open"


async def test_a_custom_anonymous_user_is_used(app, browser, manager, view):
    class Guest(AnonymousUserMixin):
        name = "guest"

    manager.anonymous_user = Guest

    @app.route("/name")
    @view
    def name():
        return current_user.name

    assert (await browser.get("/name")).text == "guest"


async def test_a_user_who_is_gone_is_nobody(app, browser, manager):
    users = {"ann": USERS["ann"]}
    manager.user_loader(users.get)
    await browser.get("/login/ann")
    assert (await browser.get("/who")).text == "ann"
    users.clear()
    assert (await browser.get("/who")).text == "nobody"


# Remember cookies and freshness


async def test_the_remember_cookie_outlives_the_session(app, browser, manager, view):
    @app.route("/me")
    @login_required
    @view
    def me():
        return f"{current_user.id} fresh={login_fresh()} remembered={login_remembered()}"

    await browser.get("/login/ann?remember")
    assert (await browser.get("/me")).text == "ann fresh=True remembered=True"
    browser.forget("session")
    assert (await browser.get("/me")).text == "ann fresh=False remembered=True"


async def test_without_remember_the_session_is_all(browser, manager):
    await browser.get("/login/ann")
    browser.forget("session")
    assert (await browser.get("/who")).text == "nobody"


async def test_logout_takes_the_remember_cookie_away(browser, manager):
    await browser.get("/login/ann?remember")
    assert browser.cookie("remember_token")
    await browser.get("/logout")
    assert not browser.cookie("remember_token")
    browser.forget("session")
    assert (await browser.get("/who")).text == "nobody"


async def test_a_forged_remember_cookie_is_nobody(browser, manager):
    browser.set_cookie("remember_token", "ann|0123456789abcdef")
    assert (await browser.get("/who")).text == "nobody"


async def test_the_remember_cookie_follows_its_settings(app, browser, manager):
    app.config.update(
        REMEMBER_COOKIE_NAME="keep",
        REMEMBER_COOKIE_SECURE=True,
        REMEMBER_COOKIE_SAMESITE="Lax",
        REMEMBER_COOKIE_PATH="/app",
    )
    reply = await browser.get("/login/ann?remember")
    cookie = next(each for each in reply.headers.getlist("Set-Cookie") if each.startswith("keep="))
    for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/app", "Expires="):
        assert attribute in cookie


async def test_the_remember_cookie_is_refreshed_when_asked_for(app, browser, manager):
    await browser.get("/login/ann?remember")
    reply = await browser.get("/who")
    assert not any("remember_token" in each for each in reply.headers.getlist("Set-Cookie"))
    app.config["REMEMBER_COOKIE_REFRESH_EACH_REQUEST"] = True
    reply = await browser.get("/who")
    assert any("remember_token" in each for each in reply.headers.getlist("Set-Cookie"))


async def test_fresh_login_required_sends_the_remembered_to_log_in_again(
    app, browser, manager, view
):
    manager.refresh_view = "who"

    @app.route("/password")
    @fresh_login_required
    @view
    def password():
        return "fresh"

    assert (await browser.get("/password")).status == 401
    await browser.get("/login/ann?remember")
    assert (await browser.get("/password")).text == "fresh"
    browser.forget("session")
    assert (await browser.get("/who")).text == "ann"
    assert (await browser.get("/password")).location == "/who?next=%2Fpassword"


async def test_confirming_makes_a_login_fresh(app, browser, manager, view):
    @app.route("/confirm")
    @view
    def confirm():
        confirm_login()
        return "confirmed"

    @app.route("/password")
    @fresh_login_required
    @view
    def password():
        return "fresh"

    await browser.get("/login/ann?stale")
    assert (await browser.get("/password")).status == 401
    await browser.get("/confirm")
    assert (await browser.get("/password")).text == "fresh"


async def test_a_needs_refresh_handler_answers(app, browser, manager, view):
    @manager.needs_refresh_handler
    def again():
        return "again", 403

    @app.route("/password")
    @fresh_login_required
    @view
    def password():
        return "fresh"

    await browser.get("/login/ann?stale")
    reply = await browser.get("/password")
    assert (reply.status, reply.text) == (403, "again")


async def test_basic_protection_takes_freshness_from_a_moved_session(app, browser, manager):
    @app.route("/fresh")
    def fresh():
        return f"{current_user.get_id()} {login_fresh()}"

    await browser.get("/login/ann", headers={"User-Agent": "one"})
    assert (await browser.get("/fresh", headers={"User-Agent": "one"})).text == "ann True"
    assert (await browser.get("/fresh", headers={"User-Agent": "two"})).text == "ann False"


async def test_strong_protection_ends_a_moved_session(browser, manager):
    manager.session_protection = "strong"
    await browser.get("/login/ann", headers={"User-Agent": "one"})
    assert (await browser.get("/who", headers={"User-Agent": "one"})).text == "ann"
    assert (await browser.get("/who", headers={"User-Agent": "two"})).text == "nobody"


# Loaders


async def test_a_request_loader_reads_a_header(app, browser, manager, view):
    @manager.request_loader
    def load(request):
        scheme, _, name = request.headers.get("Authorization", "").partition(" ")
        return USERS.get(name) if scheme == "Bearer" else None

    @app.route("/me")
    @login_required
    @view
    def me():
        return current_user.id

    assert (await browser.get("/me")).status == 401
    assert (await browser.get("/me", headers={"Authorization": "Bearer ann"})).text == "ann"
    assert (await browser.get("/me")).status == 401


async def test_a_request_loader_reads_the_query(app, browser, manager):
    manager.request_loader(lambda request: USERS.get(request.args.get("key")))
    assert (await browser.get("/who?key=bob")).text == "bob"


async def test_a_sync_request_loader_reads_the_form(app, browser, manager, view):
    @manager.request_loader
    def load(given):
        return USERS.get(request.form.get("name"))

    @app.route("/me", methods=["POST"])
    @login_required
    @view
    def me():
        return current_user.id

    assert (await browser.post("/me", form={"name": "ann"})).text == "ann"
    assert (await browser.post("/me", form={"name": "eve"})).status == 401


async def test_an_async_user_loader_through_ensure_sync(app, browser, manager, view):
    async def load(name):
        await asyncio.sleep(0)
        return USERS.get(name)

    manager.user_loader(app.ensure_sync(load))

    @app.route("/me")
    @login_required
    @view
    def me():
        return current_user.id

    assert (await browser.get("/me")).status == 401
    await browser.get("/login/ann")
    assert (await browser.get("/me")).text == "ann"


async def test_flask_login_still_does_not_await_a_bare_async_loader(app, browser, manager):
    """Why an async loader goes through ensure_sync; when this fails, it no longer has to."""

    async def load(name):
        return USERS.get(name)

    manager.user_loader(load)

    @app.route("/kind")
    def kind():
        user = current_user._get_current_object()
        if inspect.iscoroutine(user):
            user.close()
        return type(user).__name__

    await browser.get("/login/ann")
    assert (await browser.get("/kind")).text == "coroutine"


async def test_an_async_request_loader_through_ensure_sync(app, browser, manager, view):
    async def load(given):
        await asyncio.sleep(0)
        return USERS.get(given.headers.get("X-Name"))

    manager.request_loader(app.ensure_sync(load))

    @app.route("/me")
    @login_required
    @view
    def me():
        return current_user.id

    assert (await browser.get("/me", headers={"X-Name": "ann"})).text == "ann"


@pytest.mark.quart
async def test_async_user_loaders_overlap(app, manager):
    meeting = Meeting(10)

    async def load(name):
        await meeting.join()
        return USERS.get(name)

    @app.route("/me")
    @login_required
    async def me():
        return current_user.id

    browsers = [Browser(app) for _ in range(10)]
    for browser in browsers:
        await browser.get("/login/ann")
    manager.user_loader(app.ensure_sync(load))
    assert [reply.text for reply in await all_at_once(browsers, "/me")] == ["ann"] * 10


async def test_an_alternative_id_serves_as_session_key(app, browser):
    class Keyed(UserMixin):
        id = 7

        def get_id(self):
            return "key-of-7"

    manager = LoginManager(app)
    asked = []

    @manager.user_loader
    def load(key):
        asked.append(key)
        return Keyed()

    @app.route("/login")
    def login():
        login_user(Keyed())
        return "in"

    @app.route("/me")
    def me():
        return str(current_user.id)

    await browser.get("/login")
    assert (await browser.get("/me")).text == "7"
    assert asked == ["key-of-7"]


async def test_the_user_is_loaded_once_a_request(app, browser, manager, view):
    asked = []
    manager.user_loader(lambda name: asked.append(name) or USERS[name])

    @app.route("/twice")
    @login_required
    @view
    def twice():
        return current_user.id + current_user.id

    await browser.get("/login/ann")
    assert (await browser.get("/twice")).text == "annann"
    assert asked == ["ann"]


async def test_a_loader_that_fails_is_an_error_not_a_login(app, browser, manager, caplog):
    caplog.set_level(logging.CRITICAL)
    app.testing = False
    await browser.get("/login/ann")
    manager.user_loader(lambda name: 1 / 0)
    assert (await browser.get("/who")).status == 500


# Templates and signals


async def test_templates_know_the_user(app, browser, manager, view):
    @app.route("/page")
    @view
    def page():
        return render_template_string(
            "{% if current_user.is_authenticated %}Hello {{ current_user.id }}"
            "{% else %}Hi{% endif %}"
        )

    assert (await browser.get("/page")).text == "Hi"
    await browser.get("/login/ann")
    assert (await browser.get("/page")).text == "Hello ann"


@pytest.mark.quart
async def test_templates_rendered_by_quart_know_the_user(app, browser, manager):
    from quart import render_template_string as render

    @app.route("/page")
    async def page():
        return await render("Hello {{ current_user.get_id() }}")

    await browser.get("/login/ann")
    assert (await browser.get("/page")).text == "Hello ann"


async def test_signals_tell_of_login_and_logout(app, browser, manager):
    heard = []

    def hear(sender, user, **extra):
        heard.append((sender, user.id))

    with user_logged_in.connected_to(hear, app), user_logged_out.connected_to(hear, app):
        await browser.get("/login/ann")
        await browser.get("/logout")
    assert heard == [(app, "ann"), (app, "ann")]


async def test_a_signal_tells_of_a_refusal(app, browser, manager, view):
    heard = []

    @app.route("/secret")
    @login_required
    @view
    def secret():
        return "secret"

    def hear(sender, **extra):
        heard.append(request.path)

    with user_unauthorized.connected_to(hear, app):
        await browser.get("/secret")
    assert heard == ["/secret"]


@pytest.mark.quart
@pytest.mark.parametrize("name", ["ann", "bob"])
async def test_async_receivers_hear_of_a_login(app, browser, manager, name):
    heard = []

    async def hear(sender, user, **extra):
        await asyncio.sleep(0)
        heard.append(user.id)

    with user_logged_in.connected_to(hear, app):
        assert (await browser.get(f"/login/{name}")).status == 200
    assert heard == [name]


async def test_flask_signals_reach_receivers_in_a_request(app, browser, manager):
    from flask import request_finished, request_started

    heard = []

    def started(sender, **extra):
        heard.append(("started", request.path))

    def finished(sender, response, **extra):
        heard.append(("finished", response.status_code))

    with request_started.connected_to(started, app), request_finished.connected_to(finished, app):
        await browser.get("/who")
    assert heard == [("started", "/who"), ("finished", 200)]


# Websockets, tests and other contexts


@pytest.mark.quart
async def test_a_websocket_knows_the_user(app, browser, manager):
    from quart import websocket

    @app.websocket("/ws")
    async def talk():
        text = await websocket.receive()
        await websocket.send(f"{current_user.get_id()}: {text}")

    await browser.get("/login/ann")
    async with browser.client.websocket("/ws") as connection:
        await connection.send("hi")
        assert await connection.receive() == "ann: hi"


@pytest.mark.quart
async def test_login_required_admits_a_user_to_a_websocket(app, browser, manager):
    from quart import websocket

    @app.websocket("/ws")
    @login_required
    async def talk():
        await websocket.send(f"for {current_user.id}")

    await browser.get("/login/bob")
    async with browser.client.websocket("/ws") as connection:
        assert await connection.receive() == "for bob"


@pytest.mark.quart
async def test_login_required_refuses_a_stranger_before_the_websocket_opens(app, browser, manager):
    from quart import websocket
    from quart.testing import WebsocketResponseError

    ran = []

    @app.websocket("/ws")
    @login_required
    async def talk():
        ran.append(True)
        await websocket.send("secret")

    with pytest.raises(WebsocketResponseError) as refusal:
        async with browser.client.websocket("/ws") as connection:
            await connection.receive()
    assert refusal.value.response.status_code == 401
    assert ran == []


@pytest.mark.quart
async def test_websockets_of_several_users_wait_side_by_side(app, manager):
    from quart import websocket

    meeting = Meeting(4)

    @app.websocket("/ws")
    @login_required
    async def talk():
        await meeting.join()
        await websocket.send(current_user.id)

    async def visit(name):
        browser = Browser(app)
        await browser.get(f"/login/{name}")
        async with browser.client.websocket("/ws") as connection:
            return await connection.receive()

    names = ["ann", "bob", "ann", "bob"]
    assert await asyncio.gather(*map(visit, names)) == names


@pytest.mark.quart
async def test_a_request_loader_serves_websockets(app, browser, manager):
    from quart import websocket

    manager.request_loader(lambda request: USERS.get(request.args.get("key")))

    @app.websocket("/ws")
    @login_required
    async def talk():
        await websocket.send(current_user.id)

    async with browser.client.websocket("/ws?key=ann") as connection:
        assert await connection.receive() == "ann"


async def test_flash_and_the_session_live_beside_the_login(app, browser, manager, view):
    @app.route("/buy")
    @login_required
    @view
    def buy():
        flash("bought")
        session["basket"] = ["tea"]
        return "ok"

    @app.route("/basket")
    @login_required
    @view
    def basket():
        return f"{session['basket']} {get_flashed_messages()}"

    await browser.get("/login/ann")
    await browser.get("/buy")
    assert (await browser.get("/basket")).text == "['tea'] ['bought']"
    assert (await browser.get("/basket")).text == "['tea'] []"


async def test_there_is_no_user_in_a_bare_app_context(app, manager):
    async with app_context(app):
        assert not current_user


def test_a_test_request_context_logs_in(app, manager):
    with app.test_request_context("/"):
        assert login_user(USERS["ann"])
        assert current_user.id == "ann"
        logout_user()
        assert not current_user.is_authenticated


@pytest.mark.quart
async def test_an_async_test_request_context_logs_in(app, manager):
    async with app.test_request_context("/"):
        assert login_user(USERS["ann"])
        assert current_user.id == "ann"


async def test_users_of_simultaneous_requests_stay_apart(app, manager, view):
    @app.route("/me")
    @login_required
    @view
    def me():
        return current_user.id

    browsers = [Browser(app) for _ in range(10)]
    names = ["ann", "bob"] * 5
    for browser, name in zip(browsers, names, strict=True):
        await browser.get(f"/login/{name}")
    assert [reply.text for reply in await all_at_once(browsers, "/me")] == names
