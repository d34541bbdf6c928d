"""Run Flask extensions on Quart: importing this package, first, is all it takes.

A request's task runs its coroutine in a greenlet, its portal. Sync code in there waits by handing
what it waits for to the task, which awaits it on the one event loop and switches back: nothing
blocks, and asyncio is left alone. Flask's proxies and functions are aimed at Quart's in place; what
is async in Quart and sync in Flask gives async code a coroutine and sync code the result.

Sync views and hooks run on the event loop; `quart.utils.run_sync` takes blocking ones to a thread.
The page on it in the project's docs tells the rest.
"""

from .aliases import Quart
from .apps import patch_apps
from .cli import patch_cli
from .connections import patch_connections
from .contexts import make_contexts_synchronous, repoint_contexts
from .databases import patch_databases
from .finishing import finish
from .functions import replace_classes, repoint_functions
from .portals import hosted
from .ranges import patch_ranges
from .requests import patch_requests
from .responses import patch_responses
from .sessions import patch_sessions
from .signals import patch_signals
from .templates import patch_templates
from .testing import patch_testing
from .threads import patch_threads
from .waiting import await_only, greenlet_spawn
from .wsgi import patch_exceptions

__all__ = ["Quart", "await_only", "finish", "greenlet_spawn", "hosted"]

repoint_contexts()
make_contexts_synchronous()
patch_sessions()
patch_signals()
repoint_functions()
replace_classes()
patch_requests()
patch_responses()
patch_ranges()
patch_templates()
patch_apps()
patch_threads()
patch_cli()
patch_databases()
patch_testing()
patch_exceptions()
patch_connections()  # For speed alone: all else works without this line.
