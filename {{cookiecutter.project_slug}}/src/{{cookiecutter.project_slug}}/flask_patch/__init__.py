"""Run Flask extensions on Quart; importing the package is all it takes."""

from .apps import patch_apps
from .contexts import make_contexts_synchronous, repoint_proxies
from .functions import repoint_functions
from .portals import greenlet_spawn, hosted
from .requests import patch_requests
from .versions import mend_signals
from .waiting import await_only

__all__ = ["await_only", "greenlet_spawn", "hosted"]

repoint_proxies()
make_contexts_synchronous()
repoint_functions()
patch_requests()
patch_apps()
mend_signals()
