"""Import the bridge in place, before any extension, and make an app to try it on."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}/src"
SOURCE = Path(os.environ.get("BRIDGE_SOURCE", SOURCE))
sys.path.insert(0, str(SOURCE))

import flask_patch  # noqa: E402, F401  (patches on import, so it comes first)
import sqlalchemy  # noqa: E402  (after the bridge)
from asgi_server import Server  # noqa: E402  (after the bridge)
from databases import DRIVERS, database  # noqa: E402  (after the bridge)
from quart import Quart  # noqa: E402  (after the bridge)


@pytest.fixture
def app() -> Quart:
    app = Quart("app")
    app.secret_key = "a key that is only for tests"
    app.config["PROPAGATE_EXCEPTIONS"] = True
    return app


@pytest.fixture
def client(app: Quart) -> Any:
    return app.test_client()


@pytest.fixture
def text(client: Any) -> Callable[..., Any]:
    """Send a request and return the body of the response."""

    async def text(path: str, method: str = "GET", **kwargs: Any) -> str:
        response = await client.open(path, method=method, **kwargs)
        body: str = await response.get_data(as_text=True)
        return body

    return text


@pytest.fixture
def server(app: Quart) -> Server:
    return Server(app)


@pytest.fixture(params=DRIVERS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Each async driver in turn, on a database of its own."""
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def engine(url: Any) -> Any:
    """A plain engine, as for sync drivers."""
    return sqlalchemy.create_engine(url)
