"""The `now` tag: jinja2-time's where it is installed, else the same tag from Cookiecutter."""

try:
    from jinja2_time import TimeExtension
except ImportError:
    from cookiecutter.extensions import TimeExtension

__all__ = ["TimeExtension"]
