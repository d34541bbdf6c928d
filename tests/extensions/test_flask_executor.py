"""Flask-Executor: work in threads, with the context of the request."""

from __future__ import annotations

import asyncio

import pytest
from flask import current_app, g, render_template_string, request
from flask_executor import Executor

from harness import wait_for


@pytest.fixture
def executor(app):
    return Executor(app)


async def test_a_function_runs_in_a_thread_and_answers(app, browser, executor, view):
    import threading

    @app.route("/")
    @view
    def index():
        name = executor.submit(lambda: threading.current_thread().name).result(3)
        return str(name != threading.current_thread().name)

    assert (await browser.get("/")).text == "True"


async def test_the_thread_knows_the_app_and_the_request(app, browser, executor, view):
    app.config["COLOUR"] = "red"

    def work():
        return f"{current_app.config['COLOUR']} {request.path} {g.user}"

    @app.route("/page")
    @view
    def page():
        g.user = "ann"
        return executor.submit(work).result(3)

    assert (await browser.get("/page")).text == "red /page ann"


async def test_a_function_is_mapped(app, browser, executor, view):
    @app.route("/")
    @view
    def index():
        return list(executor.map(lambda n: f"{request.path}{n}", range(3)))

    assert (await browser.get("/")).json == ["/0", "/1", "/2"]


async def test_a_job_is_submitted(app, browser, executor, view):
    @executor.job
    def double(n):
        return n * 2

    @app.route("/<int:n>")
    @view
    def page(n):
        return str(double.submit(n).result(3))

    assert (await browser.get("/21")).text == "42"


async def test_a_result_is_fetched_by_a_later_request(app, browser, executor, view):
    @app.route("/start")
    @view
    def start():
        executor.submit_stored("sum", sum, [1, 2, 3])
        return "started"

    @app.route("/result")
    @view
    def result():
        return str(executor.futures.pop("sum").result(3))

    await browser.get("/start")
    assert (await browser.get("/result")).text == "6"


async def test_a_callback_hears_of_the_result(app, browser, executor, view):
    import threading

    heard, done = [], threading.Event()

    def hear(future):
        heard.append(future.result())
        done.set()

    executor.add_default_done_callback(hear)

    @app.route("/")
    @view
    def index():
        executor.submit(lambda: "done")
        return "started"

    await browser.get("/")
    assert done.wait(3)
    assert heard == ["done"]


async def test_an_exception_reaches_the_view(app, browser, executor, view):
    @app.route("/")
    @view
    def index():
        try:
            executor.submit(lambda: 1 / 0).result(3)
        except ZeroDivisionError:
            return "caught"

    assert (await browser.get("/")).text == "caught"


@pytest.mark.quart
async def test_a_thread_waits_for_the_loop(app, browser, executor):
    async def later():
        await asyncio.sleep(0.01)
        return f"from the loop at {request.path}"

    @app.route("/page")
    async def page():
        return await asyncio.wrap_future(executor.submit(lambda: wait_for(later())))

    assert (await browser.get("/page")).text == "from the loop at /page"


@pytest.mark.quart
async def test_a_thread_renders_a_template(app, browser, executor):
    def work():
        return render_template_string("{{ request.path }}")

    @app.route("/page")
    async def page():
        return await asyncio.wrap_future(executor.submit(work))

    assert (await browser.get("/page")).text == "/page"
