"""Faults of others that the bridge works around: when one of these fails, so can its workaround."""

import asyncio
import subprocess
import sys
from importlib.metadata import version

import flask_login
import pytest
from flask_patch import greenlet_spawn
from test_import import run

SYNC_RECEIVER = """
import asyncio
from quart import Quart
from quart.signals import appcontext_pushed

app = Quart("app")

@appcontext_pushed.connect
def receive(sender, **extra):
    pass

async def main():
    async with app.app_context():
        pass

asyncio.run(main())
"""


@pytest.mark.skipif(version("quart") < "0.23", reason="Quart 0.23 brought the fault")
def test_quart_sends_two_signals_with_the_wrong_wrapper():
    """Its `_async_wrapper` ought to be `_sync_wrapper`: see `versions.ContextSignal`."""
    result = subprocess.run([sys.executable, "-c", SYNC_RECEIVER], capture_output=True, text=True)
    assert "Cannot send to a non-coroutine function." in result.stderr


CANCELLED_TEARDOWN = """
import asyncio
from quart import Quart

app = Quart("app")

@app.teardown_appcontext
async def teardown(error):
    await asyncio.sleep(10)

async def main():
    async with app.app_context():
        asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)

try:
    asyncio.run(main())
except BaseException as error:
    print(type(error).__name__)
"""


@pytest.mark.skipif(version("quart") < "0.23", reason="Quart 0.23 brought the fault")
def test_quart_hides_a_cancellation_in_a_group_of_errors():
    """So nobody takes it for one: see `versions.mend_teardowns`."""
    for code, seen in (("", "BaseExceptionGroup"), ("import flask_patch", "CancelledError")):
        result = run(code + CANCELLED_TEARDOWN)
        assert result.stdout.strip() == seen, result.stderr


async def test_flask_login_does_not_await_its_user_loader(app):
    """The rendered app's login manager does, in its stead."""
    manager = flask_login.LoginManager(app)
    coroutines = []

    @manager.user_loader
    def load(user_id):
        async def user():
            await asyncio.sleep(0)

        coroutines.append(user())
        return coroutines[-1]

    async with app.test_request_context("/") as ctx:
        ctx.session["_user_id"] = "ann"
        users = await greenlet_spawn(lambda: [flask_login.current_user._get_current_object()])
    coroutines[0].close()
    assert users == coroutines


def test_flask_login_sends_its_signals_without_a_wrapper_for_async_receivers():
    """So `flask.signals.Namespace` makes signals that have one: see `signals.WaitingSignal`."""
    import inspect

    assert "_async_wrapper" not in inspect.getsource(flask_login.utils.login_user)
