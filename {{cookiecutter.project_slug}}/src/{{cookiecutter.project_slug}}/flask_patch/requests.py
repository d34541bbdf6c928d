"""Requests: the parts of Flask's request that Quart's lacks or makes async."""

from quart.wrappers import Request
from .waiting import dual

def patch_requests() -> None:
    for name in ("form", "files", "values", "data", "json"):
        setattr(Request, name, property(dual(getattr(Request, name).fget)))
    for name in ("get_data", "get_json"):
        setattr(Request, name, dual(getattr(Request, name)))
