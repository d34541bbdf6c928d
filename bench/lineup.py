"""Who is measured, what work they get, and the ratios that the render is to reach."""

from dataclasses import dataclass

UVLOOP = "uvicorn --port {port} --log-level error --no-access-log --loop uvloop {app}"
GUNICORN = "gunicorn --bind 127.0.0.1:{port} --workers 1 --log-level error"
GTHREAD_16 = f"{GUNICORN} --worker-class gthread --threads 16 {{app}}"
GEVENT = f"{GUNICORN} --worker-class gevent --worker-connections 1000 {{app}}"

UVICORN_PACKAGES = ("httptools", "uvicorn", "uvloop")
PAGES = ("itsdangerous", "jinja2")
QUART_PACKAGES = ("quart", *PAGES, *UVICORN_PACKAGES)
# Gunicorn's gevent worker needs packaging, and does not say so.
FLASK_PACKAGES = ("flask", "flask-login", "flask-wtf", "gunicorn", "gevent", "packaging", *PAGES)


@dataclass(frozen=True)
class Work:
    """A measurement: a page, and how many connections ask for it."""

    name: str
    path: str
    connections: int = 16


PUBLIC = Work("public page", "/healthz")
LINE = Work("a line of text behind the login", "/line")
PROTECTED = Work("/protected", "/protected")
SLOW = Work("/slow, 200 connections", "/slow", 200)
WORKS = (PUBLIC, LINE, PROTECTED, SLOW)


@dataclass(frozen=True)
class Peer:
    """An app on a server; `backend` asks for a render with that user backend."""

    name: str
    app: str
    server: str
    packages: tuple[str, ...]
    sql: bool = False
    backend: str = ""


OURS = Peer("this template, memory", "render:app", UVLOOP, UVICORN_PACKAGES, backend="memory")
OURS_SQL = Peer("this template, SQLite", "render:app", UVLOOP, UVICORN_PACKAGES, backend="sql")
QUART = Peer("bare Quart", "bare_quart:app", UVLOOP, QUART_PACKAGES)
AUTH = Peer("Quart-Auth", "with_quart_auth:app", UVLOOP, ("quart-auth", *QUART_PACKAGES))
FLASK = [
    Peer(f"Flask + Flask-Login, gunicorn {name}", "flask_login_app:app", server, FLASK_PACKAGES)
    for name, server in (("gthread", GTHREAD_16), ("gevent", GEVENT))
]
FLASK_SQL = [
    Peer(
        peer.name.replace(",", " + Flask-SQLAlchemy, SQLite,"),
        peer.app,
        peer.server,
        ("flask-sqlalchemy", *FLASK_PACKAGES),
        sql=True,
    )
    for peer in FLASK
]
PEERS = (OURS, QUART, AUTH, *FLASK, OURS_SQL, *FLASK_SQL)


@dataclass(frozen=True)
class Goal:
    """How many times as many requests a second as the best of the others are to be answered."""

    text: str
    work: Work
    ours: Peer
    others: list[Peer]
    at_least: float


GOALS = (
    Goal("a public page, against bare Quart", PUBLIC, OURS, [QUART], 1.3),
    Goal("a line (memory), against Quart-Auth", LINE, OURS, [AUTH], 1.1),
    Goal("a line (memory), against Flask + Flask-Login", LINE, OURS, FLASK, 1.6),
    Goal("a line (SQLite), against Flask + Flask-SQLAlchemy", LINE, OURS_SQL, FLASK_SQL, 1.6),
    Goal(
        "`/protected` (SQLite), against Flask + Flask-SQLAlchemy",
        PROTECTED,
        OURS_SQL,
        FLASK_SQL,
        1.3,
    ),
)
