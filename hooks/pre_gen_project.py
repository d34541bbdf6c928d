"""Refuse answers that would not render to a working project."""

import json
import keyword
import re
import sys
from unicodedata import category

ANSWERS = r"""{{ cookiecutter | tojson }}"""  # JSON never has three quotes in a row
INSTALLED = """accounts aiofiles aiomysql aiosqlite alembic anyio argon2 argon2_cffi
    argon2_cffi_bindings ast_serialize blinker browser cbor2 certifi cffi click conftest coverage
    cryptography deprecated dns dnspython docs dotenv email_validator entrance environs examples
    flask flask_login flask_mailman flask_migrate flask_patch flask_principal flask_security
    flask_sqlalchemy flask_wtf greenlet h11 h2 hpack httpcore httpx hypercorn hyperframe hypothesis
    idna iniconfig itsdangerous jinja2 joserfc ldap3 libpass librt limits mako markupsafe
    marshmallow mypy mypy_extensions mypyc nh3 ordered_set packaging passlib pathspec pluggy
    priority provider psycopg psycopg_binary py pyasn1 pyasn1_modules pycparser pygments pymysql
    pyopenssl pytest pytest_asyncio pytest_cov python_dotenv python_json_logger pythonjsonlogger
    qrcode quart redis ruff settings sortedcontainers sqlalchemy test tests types_greenlet
    typing_extensions walk webauthn werkzeug wrapt wsproto wtforms zxcvbn""".split()


def problem(answers: dict[str, str]) -> tuple[str, str] | None:
    """Name the first bad answer and what is accepted in its place."""
    for name in ("project_name", "project_slug", "description", "author_name", "author_email"):
        if not (text := answers[name]).strip() or {"Cc", "Cs", "Zl", "Zp"} & {*map(category, text)}:
            return name, "a line of text without control characters"
    if not re.fullmatch(r"[a-z]([a-z0-9_]*[a-z0-9])?", slug := answers["project_slug"]):
        return "project_slug", "a lower-case ASCII identifier such as my_app"
    if keyword.iskeyword(slug) or slug in sys.stdlib_module_names or slug in INSTALLED:
        return "project_slug", "a name that neither Python nor the app's dependencies use"
    if not re.fullmatch(r"[\w.%+-]+@[\w-]+(\.[\w-]+)*", answers["author_email"], re.ASCII):
        return "author_email", "an address such as you@example.com"
    refused = answers["user_backend"] == "memory" and answers["deployment"] != "container"
    return ("deployment", "container where users live in memory") if refused else None


if __name__ == "__main__" and (bad := problem(given := json.loads(ANSWERS))):
    sys.exit(f"{bad[0]} is {given[bad[0]]!r}; accepted is {bad[1]}.")
