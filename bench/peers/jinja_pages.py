"""The page templates for frameworks that do not bring Jinja's environment themselves."""

from collections.abc import MutableMapping
from types import SimpleNamespace
from typing import Any

from common import SITE, TEMPLATES, Visitor, csrf_token, url_for
from jinja2 import Environment, FileSystemLoader

environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
environment.globals.update(
    url_for=url_for, config=SITE, get_flashed_messages=list, request=SimpleNamespace(args={})
)


def render(name: str, session: MutableMapping[str, Any], user: Visitor, **values: Any) -> str:
    """Render a page of the render's templates."""
    template = environment.get_template(name)
    return template.render(current_user=user, csrf_token=lambda: csrf_token(session), **values)
