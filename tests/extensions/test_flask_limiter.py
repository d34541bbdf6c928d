"""Flask-Limiter: limits a route, a blueprint, an app; in memory and in Redis."""

from __future__ import annotations

import asyncio

import pytest
from flask import request
from flask_limiter import ExemptionScope, Limiter
from flask_limiter.util import get_remote_address

from harness import Browser, Meeting, all_at_once


@pytest.fixture
def limiter(app):
    return Limiter(get_remote_address, app=app, storage_uri="memory://", headers_enabled=True)


async def statuses(browser, path: str, times: int, **options) -> list[int]:
    return [(await browser.get(path, **options)).status for _ in range(times)]


async def test_a_limited_view_refuses_beyond_its_limit(app, browser, limiter, view):
    ran = []

    @app.route("/slow")
    @limiter.limit("2 per hour")
    @view
    def slow():
        ran.append(True)
        return "slow"

    @app.route("/fast")
    @view
    def fast():
        return "fast"

    assert await statuses(browser, "/slow", 4) == [200, 200, 429, 429]
    assert len(ran) == 2
    assert await statuses(browser, "/fast", 3) == [200, 200, 200]


async def test_default_limits_hold_for_every_view(app, browser, view):
    Limiter(get_remote_address, app=app, default_limits=["1 per hour"], storage_uri="memory://")

    @app.route("/a")
    @view
    def a():
        return "a"

    @app.route("/b")
    @view
    def b():
        return "b"

    assert await statuses(browser, "/a", 2) == [200, 429]
    assert await statuses(browser, "/b", 2) == [200, 429]


async def test_application_limits_are_shared(app, browser, view):
    Limiter(get_remote_address, app=app, application_limits=["2 per hour"], storage_uri="memory://")

    @app.route("/<name>")
    @view
    def page(name):
        return name

    assert await statuses(browser, "/a", 1) + await statuses(browser, "/b", 2) == [200, 200, 429]


async def test_headers_tell_what_is_left(app, browser, limiter, view):
    @app.route("/")
    @limiter.limit("5 per hour")
    @view
    def index():
        return "page"

    await browser.get("/")
    headers = (await browser.get("/")).headers
    assert headers["X-RateLimit-Limit"] == "5"
    assert headers["X-RateLimit-Remaining"] == "3"
    assert int(headers["Retry-After"]) > 0


async def test_an_exempt_view_has_no_limit(app, browser, view):
    limiter = Limiter(
        get_remote_address, app=app, default_limits=["1 per hour"], storage_uri="memory://"
    )

    @app.route("/health")
    @limiter.exempt
    @view
    def health():
        return "ok"

    assert await statuses(browser, "/health", 4) == [200] * 4


async def test_a_key_function_reads_the_request(app, browser, limiter, view):
    @app.route("/")
    @limiter.limit("1 per hour", key_func=lambda: request.headers["X-Key"])
    @view
    def index():
        return "page"

    assert await statuses(browser, "/", 2, headers={"X-Key": "a"}) == [200, 429]
    assert await statuses(browser, "/", 2, headers={"X-Key": "b"}) == [200, 429]


async def test_a_key_function_reads_the_form(app, browser, limiter, view):
    @app.route("/", methods=["POST"])
    @limiter.limit("1 per hour", key_func=lambda: request.form["name"])
    @view
    def index():
        return request.form["name"]

    assert (await browser.post("/", form={"name": "ann"})).text == "ann"
    assert (await browser.post("/", form={"name": "ann"})).status == 429
    assert (await browser.post("/", form={"name": "bob"})).text == "bob"


async def test_a_limit_is_computed_by_a_function(app, browser, limiter, view):
    @app.route("/")
    @limiter.limit(lambda: f"{request.args['n']} per hour")
    @view
    def index():
        return "page"

    assert await statuses(browser, "/?n=1", 2) == [200, 429]


async def test_exempt_when_lets_some_through(app, browser, limiter, view):
    @app.route("/")
    @limiter.limit("1 per hour", exempt_when=lambda: "vip" in request.args)
    @view
    def index():
        return "page"

    assert await statuses(browser, "/?vip", 3) == [200] * 3
    assert await statuses(browser, "/", 2) == [200, 429]


async def test_a_limit_counts_only_some_methods(app, browser, limiter, view):
    @app.route("/", methods=["GET", "POST"])
    @limiter.limit("1 per hour", methods=["POST"])
    @view
    def index():
        return "page"

    assert await statuses(browser, "/", 3) == [200] * 3
    assert [(await browser.post("/")).status for _ in range(2)] == [200, 429]


async def test_only_some_responses_are_deducted(app, browser, limiter, view):
    @app.route("/")
    @limiter.limit("1 per hour", deduct_when=lambda response: response.status_code == 400)
    @view
    def index():
        return "page", int(request.args.get("status", "200"))

    assert await statuses(browser, "/", 3) == [200] * 3
    assert await statuses(browser, "/?status=400", 1) == [400]
    assert await statuses(browser, "/", 1) == [429]


async def test_a_shared_limit_counts_across_views(app, browser, limiter, view):
    shared = limiter.shared_limit("2 per hour", scope="db")

    @app.route("/a")
    @shared
    @view
    def a():
        return "a"

    @app.route("/b")
    @shared
    @view
    def b():
        return "b"

    assert await statuses(browser, "/a", 1) + await statuses(browser, "/b", 2) == [200, 200, 429]


async def test_a_blueprint_is_limited_and_exempted(app, browser, view):
    from flask import Blueprint

    limiter = Limiter(
        get_remote_address, app=app, default_limits=["2 per hour"], storage_uri="memory://"
    )
    tight, free = Blueprint("tight", "tight"), Blueprint("free", "free")

    @tight.route("/tight")
    @view
    def tight_page():
        return "tight"

    @free.route("/free")
    @view
    def free_page():
        return "free"

    limiter.limit("1 per hour")(tight)
    limiter.exempt(free, flags=ExemptionScope.DEFAULT)
    app.register_blueprint(tight)
    app.register_blueprint(free)
    assert await statuses(browser, "/tight", 2) == [200, 429]
    assert await statuses(browser, "/free", 4) == [200] * 4


async def test_a_view_class_is_limited(app, browser, limiter, view):
    from flask.views import MethodView

    class Page(MethodView):
        decorators = [limiter.limit("1 per hour")]
        get = view(lambda self: "page")

    app.add_url_rule("/", view_func=Page.as_view("page"))
    assert await statuses(browser, "/", 2) == [200, 429]


async def test_an_error_handler_answers_429(app, browser, limiter, view):
    @app.errorhandler(429)
    @view
    def slow_down(error):
        return f"slow down: {error.description}", 429

    @app.route("/")
    @limiter.limit("1 per hour")
    @view
    def index():
        return "page"

    await browser.get("/")
    assert (await browser.get("/")).text == "slow down: 1 per 1 hour"


async def test_on_breach_answers(app, browser, limiter, view):
    from flask import make_response

    @app.route("/")
    @limiter.limit("1 per hour", on_breach=lambda limit: make_response("breach", 418))
    @view
    def index():
        return "page"

    await browser.get("/")
    reply = await browser.get("/")
    assert (reply.status, reply.text) == (418, "breach")


async def test_a_limit_guards_a_block_of_a_view(app, browser, limiter, view):
    @app.route("/")
    @view
    def index():
        with limiter.limit("1 per hour"):
            return "page"

    assert await statuses(browser, "/", 2) == [200, 429]


async def test_current_limit_is_known_in_the_view(app, browser, limiter, view):
    @app.route("/")
    @limiter.limit("3 per hour")
    @view
    def index():
        return str(limiter.current_limit.remaining)

    assert (await browser.get("/")).text == "2"


async def test_limits_are_kept_in_redis(app, browser, view, redis_url, prefix):
    limiter = Limiter(get_remote_address, app=app, storage_uri=redis_url, key_prefix=prefix)

    @app.route("/")
    @limiter.limit("2 per minute")
    @view
    def index():
        return "page"

    assert await statuses(browser, "/", 3) == [200, 200, 429]
    limiter.reset()
    assert await statuses(browser, "/", 1) == [200]


async def test_limits_survive_a_restart_in_redis(view, redis_url, prefix):
    from harness import App

    async def serve():
        app = App("app")
        limiter = Limiter(get_remote_address, app=app, storage_uri=redis_url, key_prefix=prefix)
        app.add_url_rule("/", "index", limiter.limit("1 per minute")(view(lambda: "page")))
        return (await Browser(app).get("/")).status

    assert [await serve(), await serve()] == [200, 429]


@pytest.mark.parametrize("strategy", ["fixed-window", "moving-window", "sliding-window-counter"])
async def test_each_strategy_limits(app, browser, view, strategy):
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", strategy=strategy)

    @app.route("/")
    @limiter.limit("1 per hour")
    @view
    def index():
        return "page"

    assert await statuses(browser, "/", 2) == [200, 429]


@pytest.mark.quart
async def test_waiting_limited_views_overlap(app, limiter):
    meeting = Meeting(10)

    @app.route("/")
    @limiter.limit("10 per hour")
    async def index():
        await meeting.join()
        return "page"

    browsers = [Browser(app) for _ in range(10)]
    assert [reply.status for reply in await all_at_once(browsers, "/")] == [200] * 10


@pytest.mark.quart
async def test_simultaneous_requests_do_not_slip_past_a_limit(app, limiter):
    @app.route("/")
    @limiter.limit("5 per hour")
    async def index():
        await asyncio.sleep(0.01)
        return "page"

    replies = await all_at_once([Browser(app) for _ in range(20)], "/")
    assert sorted(reply.status for reply in replies) == [200] * 5 + [429] * 15


@pytest.mark.quart
async def test_a_limited_async_view_streams(app, browser, limiter):
    @app.route("/")
    @limiter.limit("1 per hour")
    async def index():
        async def numbers():
            for number in range(3):
                await asyncio.sleep(0)
                yield str(number)

        return numbers()

    assert (await browser.get("/")).text == "012"
    assert (await browser.get("/")).status == 429


def test_the_limits_command_lists_limits(app, limiter):
    @app.route("/slow")
    @limiter.limit("7 per 1 hour")
    def slow():
        return "slow"

    from flask_limiter.commands import cli

    result = app.test_cli_runner().invoke(cli, ["limits"])
    assert result.exit_code == 0, (result.output, result.exception)
    assert "7 per 1 hour" in result.output
