"""An nginx of a test's own, on a free port, with the recipe of the docs."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from baking import ROOT
from visitor import free_port

MARKED = re.compile(r"<!-- nginx:start -->\n```nginx\n(.+?)```\n<!-- nginx:end -->", re.DOTALL)
CONFIG = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""


def recipe() -> str:
    """Return nginx's configuration as the docs have it."""
    found = MARKED.search((ROOT / "docs" / "deploying.md").read_text("utf-8"))
    assert found
    return found[1]


@contextlib.contextmanager
def serve_site(folder: Path, port: int, site: str) -> Iterator[None]:
    """Run nginx with this site, which listens on the port, until the block ends."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, site=site))
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            if process.poll() is not None:
                pytest.fail(f"nginx does not start: {process.stderr and process.stderr.read()}")
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)


@contextlib.contextmanager
def nginx(folder: Path, app: int, **changes: str) -> Iterator[int]:
    """Run nginx in front of the app's port, and yield its own; `changes` are made to the recipe."""
    port, site = free_port(), recipe()
    for old, new in {
        "listen 443": f"listen 127.0.0.1:{port}",
        "127.0.0.1:8000": f"127.0.0.1:{app}",
        "/etc/ssl/example.org.pem": str(certificate(folder) / "cert.pem"),
        "/etc/ssl/example.org.key": str(certificate(folder) / "key.pem"),
        "server_name example.org": "server_name localhost",
        **changes,
    }.items():
        assert old in site, old
        site = site.replace(old, new)
    with serve_site(folder, port, site):
        yield port


def certificate(folder: Path) -> Path:
    """Make a certificate for localhost, once; return its folder."""
    if not (folder / "cert.pem").exists():
        names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
        command = ["openssl", "req", "-x509", "-days", "2", *key, *files, *names]
        subprocess.run(command, check=True, capture_output=True)
    return folder
