"""Run Flask extensions on Quart; importing the package is all it takes."""

from .apps import patch_apps
from .cli import patch_cli
from .contexts import make_contexts_synchronous, repoint_contexts
from .functions import replace_classes, repoint_functions
from .portals import greenlet_spawn, hosted
from .requests import patch_requests
from .responses import patch_responses
from .signals import patch_signals
from .templates import patch_templates
from .waiting import await_only

__all__ = ["await_only", "greenlet_spawn", "hosted"]

repoint_contexts()
make_contexts_synchronous()
patch_signals()
repoint_functions()
replace_classes()
patch_requests()
patch_responses()
patch_templates()
patch_apps()
patch_cli()
