"""Who is measured: each peer's app, its packages, its server and the work it is given."""

from dataclasses import dataclass

HYPERCORN = "hypercorn --workers 0 --bind 127.0.0.1:{port} --log-level error {app}"
UVICORN = "uvicorn --port {port} --log-level error --no-access-log --loop {loop} {app}"
GRANIAN = "granian --interface asgi --port {port} --workers 1 --loop uvloop --no-log {app}"
GUNICORN = "gunicorn --bind 127.0.0.1:{port} --workers 1 --log-level error {options} {app}"

ASYNCIO = UVICORN.replace("{loop}", "asyncio")
UVLOOP = UVICORN.replace("{loop}", "uvloop")
GTHREAD_16 = GUNICORN.replace("{options}", "--worker-class gthread --threads 16")
GTHREAD_64 = GUNICORN.replace("{options}", "--worker-class gthread --threads 64")
GEVENT = GUNICORN.replace("{options}", "--worker-class gevent --worker-connections 1000")

ASGI_SERVERS = ("granian", "httptools", "hypercorn", "uvicorn", "uvloop")
FORMS = ("argon2-cffi", "itsdangerous", "jinja2", "wtforms")
QUART = ("quart", *FORMS, *ASGI_SERVERS)
# Gunicorn's gevent worker needs packaging, and does not say so.
FLASK = ("flask", "flask-login", "flask-wtf", "gunicorn", "gevent", "packaging", *FORMS)

PUBLIC, FORM, PROTECTED, LINE = "/healthz", "/", "/protected", "/line"


@dataclass(frozen=True)
class Work:
    """A measurement: a page, and how many connections ask for it."""

    name: str
    path: str
    connections: int
    storm: bool = False


WORKS = (
    Work("public page", PUBLIC, 16),
    Work("login form", FORM, 16),
    Work("/protected", PROTECTED, 16),
    Work("a line of text behind the login", LINE, 16),
    Work("/slow, 16", "/slow", 16),
    Work("/slow, 200", "/slow", 200),
    Work("/protected in a login storm", PROTECTED, 16, storm=True),
)
PAGES = (WORKS[0], WORKS[2], WORKS[3])
QUICK = (*PAGES, WORKS[5])


@dataclass(frozen=True)
class Peer:
    """An app on a server; `backend` asks for a render with that user backend."""

    name: str
    app: str
    server: str
    packages: tuple[str, ...]
    sql: bool = False
    backend: str = ""
    works: tuple[Work, ...] = WORKS
    quick: bool = True


def _render(name: str, server: str, backend: str = "memory", minor: bool = False) -> Peer:
    works = PAGES if minor else WORKS
    sql = backend == "sql"
    return Peer(name, "render:app", server, ASGI_SERVERS, sql, backend, works, not minor)


PEERS = (
    _render("this template, uvicorn + uvloop", UVLOOP),
    _render("this template, uvicorn + asyncio", ASYNCIO, minor=True),
    _render("this template, hypercorn", HYPERCORN, minor=True),
    _render("this template, granian", GRANIAN, minor=True),
    Peer("bare Quart, uvicorn + uvloop", "bare_quart:app", UVLOOP, QUART),
    Peer("Quart-Auth, uvicorn + uvloop", "with_quart_auth:app", UVLOOP, ("quart-auth", *QUART)),
    Peer(
        "Quart's tutorial on quart-flask-patch, uvicorn + asyncio",
        "tutorial:app",
        ASYNCIO,
        ("quart==0.22.*", "quart-flask-patch==0.3.0", "flask-login", *QUART[1:]),
    ),
    Peer("Flask + Flask-Login, gunicorn gthread 16", "flask_login_app:app", GTHREAD_16, FLASK),
    Peer("Flask + Flask-Login, gunicorn gthread 64", "flask_login_app:app", GTHREAD_64, FLASK),
    Peer("Flask + Flask-Login, gunicorn gevent", "flask_login_app:app", GEVENT, FLASK),
    Peer(
        "Starlette sessions, uvicorn + uvloop",
        "starlette_sessions:app",
        UVLOOP,
        ("starlette", "python-multipart", *FORMS, *ASGI_SERVERS),
        quick=False,
    ),
    Peer(
        "Litestar sessions, uvicorn + uvloop",
        "litestar_sessions:app",
        UVLOOP,
        ("litestar", *FORMS, *ASGI_SERVERS),
        quick=False,
    ),
    _render("this template, uvicorn + uvloop, SQLite", UVLOOP, "sql"),
    Peer(
        "Quart-Auth + SQLAlchemy, uvicorn + uvloop, SQLite",
        "with_quart_auth:app",
        UVLOOP,
        ("quart-auth", "sqlalchemy[asyncio]", "aiosqlite", *QUART),
        sql=True,
        works=PAGES,
        quick=False,
    ),
    Peer(
        "FastAPI Users, uvicorn + uvloop, SQLite",
        "fastapi_users_app:app",
        UVLOOP,
        ("fastapi-users[sqlalchemy]", "aiosqlite", "python-multipart", *FORMS, *ASGI_SERVERS),
        sql=True,
        quick=False,
    ),
    *(
        Peer(
            f"Flask + Flask-Login + Flask-SQLAlchemy, gunicorn {name}, SQLite",
            "flask_login_app:app",
            server,
            ("flask-sqlalchemy", *FLASK),
            sql=True,
            works=PAGES,
        )
        for name, server in (
            ("gthread 16", GTHREAD_16),
            ("gthread 64", GTHREAD_64),
            ("gevent", GEVENT),
        )
    ),
    *(
        Peer(f"raw ASGI, {name}", "raw:app", server, ASGI_SERVERS, works=WORKS[:1], quick=False)
        for name, server in (
            ("uvicorn + uvloop", UVLOOP),
            ("uvicorn + asyncio", ASYNCIO),
            ("hypercorn", HYPERCORN),
            ("granian", GRANIAN),
        )
    ),
)
