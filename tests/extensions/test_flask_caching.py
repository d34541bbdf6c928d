"""Flask-Caching: cached views, functions and template fragments; in memory and in Redis."""

from __future__ import annotations

import asyncio

import pytest
from flask import make_response, render_template_string, request
from flask_caching import Cache

from harness import Browser, app_context


@pytest.fixture
def cache(app):
    return Cache(app, config={"CACHE_TYPE": "SimpleCache"})


@pytest.fixture
def redis_cache(app, redis_url, prefix):
    config = {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": redis_url, "CACHE_KEY_PREFIX": prefix}
    return Cache(app, config=config)


class Counter:
    """Says how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        return self.calls


async def test_a_cached_view_runs_once(app, browser, cache, view):
    counter = Counter()

    @app.route("/")
    @cache.cached(timeout=50)
    @view
    def index():
        return f"run {counter()}"

    assert (await browser.get("/")).text == "run 1"
    assert (await browser.get("/")).text == "run 1"
    assert counter.calls == 1


@pytest.mark.quart
async def test_a_cached_async_view_renders_a_template_once(app, browser, cache):
    from quart import render_template_string as render

    counter = Counter()

    @app.route("/")
    @cache.cached(timeout=50)
    async def index():
        return await render("Hello {{ n }}", n=counter())

    assert (await browser.get("/")).text == "Hello 1"
    assert (await browser.get("/")).text == "Hello 1"


async def test_decorating_above_the_route_leaves_the_view_as_it_was(app, browser, cache, view):
    @cache.cached(timeout=50)
    @app.route("/")
    @view
    def index():
        return render_template_string("Hello")

    assert (await browser.get("/")).text == "Hello"


async def test_a_cached_response_keeps_status_and_headers(app, browser, cache, view):
    counter = Counter()

    @app.route("/")
    @cache.cached()
    @view
    def index():
        return make_response(f"run {counter()}", 203, {"X-Made": "once"})

    for _ in range(2):
        reply = await browser.get("/")
        assert (reply.status, reply.text, reply.headers["X-Made"]) == (203, "run 1", "once")


async def test_paths_are_cached_apart(app, browser, cache, view):
    counter = Counter()

    @app.route("/<name>")
    @cache.cached()
    @view
    def page(name):
        return f"{name} {counter()}"

    pages = [(await browser.get(path)).text for path in ("/a", "/b", "/a")]
    assert pages == ["a 1", "b 2", "a 1"]


async def test_queries_are_cached_apart_when_asked_for(app, browser, cache, view):
    counter = Counter()

    @app.route("/")
    @cache.cached(query_string=True)
    @view
    def index():
        return f"{request.args['q']} {counter()}"

    pages = [(await browser.get(path)).text for path in ("/?q=a&p=1", "/?q=b", "/?p=1&q=a")]
    assert pages == ["a 1", "b 2", "a 1"]


async def test_a_post_body_is_part_of_the_key_when_asked_for(app, browser, cache, view):
    counter = Counter()

    @app.route("/", methods=["POST"])
    @cache.cached(make_cache_key=lambda *args, **kwargs: request.form["q"])
    @view
    def index():
        return f"{request.form['q']} {counter()}"

    pages = [(await browser.post("/", form={"q": q})).text for q in "aba"]
    assert pages == ["a 1", "b 2", "a 1"]


async def test_unless_bypasses_the_cache(app, browser, cache, view):
    counter = Counter()

    @app.route("/")
    @cache.cached(unless=lambda: "live" in request.args)
    @view
    def index():
        return str(counter())

    assert [(await browser.get(path)).text for path in ("/", "/?live", "/")] == ["1", "2", "1"]


async def test_a_response_filter_keeps_errors_out(app, browser, cache, view):
    counter = Counter()

    @app.route("/")
    @cache.cached(response_filter=lambda response: response[1] == 200)
    @view
    def index():
        return str(counter()), 500 if counter.calls == 1 else 200

    assert [(await browser.get("/")).text for _ in range(3)] == ["1", "2", "2"]


async def test_forced_update_runs_again(app, browser, cache, view):
    counter = Counter()

    @app.route("/")
    @cache.cached(forced_update=lambda: "again" in request.args)
    @view
    def index():
        return str(counter())

    assert [(await browser.get(path)).text for path in ("/", "/?again", "/")] == ["1", "2", "2"]


async def test_a_memoized_function_runs_once_for_its_arguments(app, browser, cache, view):
    counter = Counter()

    @cache.memoize()
    def add(a, b):
        return f"{a + b} by {counter()}"

    @app.route("/<int:a>/<int:b>")
    @view
    def total(a, b):
        return add(a, b)

    pages = [(await browser.get(path)).text for path in ("/1/2", "/2/3", "/1/2")]
    assert pages == ["3 by 1", "5 by 2", "3 by 1"]


async def test_memoized_results_are_deleted(app, browser, cache, view):
    counter = Counter()

    @cache.memoize()
    def value(key):
        return counter()

    @app.route("/")
    @view
    def index():
        first = value("a")
        cache.delete_memoized(value, "a")
        return f"{first} {value('a')}"

    assert (await browser.get("/")).text == "1 2"


@pytest.mark.quart_async
async def test_a_memoized_async_function_runs_once(app, browser, cache, view):
    counter = Counter()

    @cache.memoize()
    async def load(key):
        await asyncio.sleep(0)
        return f"{key}{counter()}"

    @app.route("/")
    @view
    def index():
        return load("a") + load("a") + load("b")

    assert (await browser.get("/")).text == "a1a1b2"


async def test_a_view_sets_gets_and_deletes(app, browser, cache, view):
    @app.route("/<key>", methods=["GET", "PUT", "DELETE"])
    @view
    def item(key):
        if request.method == "PUT":
            cache.set(key, request.form["value"])
        elif request.method == "DELETE":
            cache.delete(key)
        return cache.get(key) or "nothing"

    assert (await browser.get("/k")).text == "nothing"
    assert (await browser.put("/k", form={"value": "v"})).text == "v"
    assert (await browser.delete("/k")).text == "nothing"


async def test_clear_empties_the_cache(app, browser, cache, view):
    counter = Counter()

    @app.route("/")
    @cache.cached()
    @view
    def index():
        return str(counter())

    await browser.get("/")
    async with app_context(app):
        cache.clear()
    assert (await browser.get("/")).text == "2"


async def test_a_template_fragment_is_cached(app, browser, cache, view):
    app.jinja_env.add_extension("flask_caching.jinja2ext.CacheExtension")
    counter = Counter()

    @app.route("/")
    @view
    def index():
        return render_template_string("{% cache 50, 'part' %}{{ n() }}{% endcache %}", n=counter)

    assert [(await browser.get("/")).text for _ in range(2)] == ["1", "1"]


async def test_a_view_class_is_cached(app, browser, cache, view):
    from flask.views import View

    counter = Counter()

    class Page(View):
        decorators = [cache.cached()]
        dispatch_request = view(lambda self: str(counter()))

    app.add_url_rule("/", view_func=Page.as_view("page"))
    assert [(await browser.get("/")).text for _ in range(2)] == ["1", "1"]


async def test_redis_holds_cached_views(app, browser, redis_cache, view):
    counter = Counter()

    @app.route("/")
    @redis_cache.cached(timeout=50)
    @view
    def index():
        return f"run {counter()}"

    assert [(await browser.get("/")).text for _ in range(2)] == ["run 1", "run 1"]


async def test_redis_holds_values_of_any_type(app, browser, redis_cache, view):
    @app.route("/")
    @view
    def index():
        redis_cache.set_many({"a": [1], "b": {"c": None}}, timeout=50)
        return redis_cache.get_dict("a", "b")

    assert (await browser.get("/")).json == {"a": [1], "b": {"c": None}}


@pytest.mark.quart
async def test_a_cached_async_view_of_many_visitors_runs_for_the_first_ones_only(app, cache):
    counter = Counter()

    @app.route("/")
    @cache.cached()
    async def index():
        await asyncio.sleep(0.01)
        return str(counter())

    await asyncio.gather(*(Browser(app).get("/") for _ in range(5)))
    ran = counter.calls
    assert 1 <= ran <= 5
    await asyncio.gather(*(Browser(app).get("/") for _ in range(5)))
    assert counter.calls == ran
