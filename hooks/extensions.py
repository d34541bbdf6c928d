"""What the template adds to Cookiecutter's Jinja: the `now` tag and three filters."""

import json
from collections import defaultdict

from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension

from hooks.pre_gen_project import problem

try:
    from jinja2_time import TimeExtension
except ImportError:
    from cookiecutter.extensions import TimeExtension

__all__ = ["AnswerExtension", "TimeExtension"]


def toml(text: str) -> str:
    """Quote a line of text for TOML, which unlike JSON has no escape of two halves for an emoji."""
    return json.dumps(text, ensure_ascii=False)


def accepted(answers: dict[str, str]) -> str:
    """Refuse what the hook refuses, before it: after its line Cookiecutter shows a traceback.

    From a slug that is a path it would make folders by then, too.
    """
    if bad := problem(answers):
        raise FailedHookException(f"{bad[0]} is {answers[bad[0]]!r}; accepted is {bad[1]}.")
    return "yes"


def usable(slug: str) -> str:
    """Make a slug that the hook accepts of what `slugify` makes of any name."""
    if not slug or problem(defaultdict(lambda: "good@example.com", project_slug=slug)):
        return f"app_{slug}" if slug else "quart_app"
    return slug


class AnswerExtension(Extension):
    """Offer the filters to the answers and the files."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters |= {"accepted": accepted, "toml": toml, "usable": usable}
