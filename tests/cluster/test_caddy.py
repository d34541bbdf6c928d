"""The proxy of the composed render speaks HTTPS, and loses nothing while replicas are replaced."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from baking import PYTHONS, Bake
from cluster.nodes import stop, until
from test_projects import Install, install, tool  # noqa: F401  # a fixture is one of them
from visitor import free_port

pytestmark = [pytest.mark.slow, pytest.mark.soak]

GLOBAL = """{{
	admin off
	http_port {http}
	https_port {https}
	skip_install_trust
}}
"""


@contextlib.contextmanager
def running(
    command: list[str], folder: Path, env: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends."""
    with (folder / f"{Path(command[0]).name}.log").open("a") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
    try:
        yield process
    finally:
        if process.poll() is None:
            stop(process)


def ask_on(url: str, trusted: ssl.SSLContext, ended: threading.Event) -> list[object]:
    """Ask for the login page again and again until it is over; return what was not it."""
    wrong: list[object] = []
    with httpx.Client(base_url=url, verify=trusted, timeout=30) as client:
        while not ended.wait(0.02):
            try:
                answer = client.get("/")
            except httpx.TransportError as error:
                wrong.append(error)
            else:
                if answer.status_code != 200:
                    wrong.append(answer)
    return wrong


def test_caddy_loses_nothing_while_replicas_are_replaced(
    bake: Bake,
    install: Install,  # noqa: F811
    tmp_path: Path,
) -> None:
    if not shutil.which("caddy"):
        pytest.skip("caddy is not installed")
    project = install("sql", PYTHONS[-1])
    ports = [free_port(), free_port()]
    http, https = free_port(), free_port()
    caddyfile = bake(deployment="compose").read("Caddyfile")
    for number, port in enumerate(ports, 1):
        caddyfile, count = re.subn(rf"\S+-app-{number}:8000", f"127.0.0.1:{port}", caddyfile)
        assert count == 1
    (tmp_path / "Caddyfile").write_text(GLOBAL.format(http=http, https=https) + caddyfile)
    env = project.env | {
        "DATABASE_URL": f"sqlite:///{tmp_path}/app.db",
        "ENVIRONMENT": "production",
        "TRUSTED_HOSTS": "localhost",
        "TRUSTED_PROXIES": "1",
        "SHUTDOWN_DELAY": "3s",
    }
    project.run(tool(project, "quart"), "db", "upgrade", env=env)
    with contextlib.ExitStack() as stack:

        def replica(port: int) -> subprocess.Popen[bytes]:
            options = ["--bind", f"127.0.0.1:{port}", "--graceful-timeout", "30"]
            command = [tool(project, "hypercorn"), *options, f"{project.slug}.asgi:app"]
            process = stack.enter_context(running(command, project.path, env))
            health = {"Host": "localhost"}
            ready = f"http://127.0.0.1:{port}/readyz"
            until(lambda: httpx.get(ready, headers=health).status_code == 200)
            return process

        replicas = [replica(port) for port in ports]
        own = {"DOMAIN": "localhost", "XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
        command = ["caddy", "run", "--adapter", "caddyfile", "--config", "Caddyfile"]
        stack.enter_context(running(command, tmp_path, os.environ | own))
        root = tmp_path / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        until(root.is_file)
        trusted, url = ssl.create_default_context(cafile=root), f"https://localhost:{https}"
        until(lambda: httpx.get(f"{url}/readyz", verify=trusted).status_code == 200)
        ended, wrong = threading.Event(), []
        thread = threading.Thread(target=lambda: wrong.extend(ask_on(url, trusted, ended)))
        thread.start()
        stack.callback(ended.set)
        for process, port in zip(replicas, ports, strict=True):
            stop(process)
            replica(port)
        ended.set()
        thread.join()
    assert wrong == []
