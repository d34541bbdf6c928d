"""Signals: Flask's and Quart's are one, and sync code can send to async receivers."""

from collections.abc import Callable
from typing import Any

import flask.signals
import quart.signals
from blinker import NamedSignal, Namespace

from .versions import work_around_signal_bug
from .waiting import await_only


def _wait_for(receiver: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return await_only(receiver(*args, **kwargs))

    return call


class WaitingSignal(NamedSignal):
    """A signal whose sync senders wait for its async receivers."""

    def send(self, sender: Any = None, /, **kwargs: Any) -> Any:
        """Call all receivers, the async ones too."""
        kwargs.setdefault("_async_wrapper", _wait_for)
        return super().send(sender, **kwargs)


class WaitingNamespace(Namespace):
    """What extensions make their signals with."""

    def signal(self, name: str, doc: str | None = None) -> NamedSignal:
        """Return the signal of this name, made at its first use."""
        return self.setdefault(name, WaitingSignal(name, doc))


def _unite(ours: NamedSignal, theirs: NamedSignal) -> None:
    ours.receivers.update(theirs.receivers)
    for mine, other in (
        (ours._by_sender, theirs._by_sender),
        (ours._by_receiver, theirs._by_receiver),
    ):
        for key, ids in other.items():
            mine[key] |= ids
    theirs.__class__ = ours.__class__
    theirs.__dict__ = ours.__dict__


def patch_signals() -> None:
    """Make each signal that Flask and Quart both have one and the same."""
    work_around_signal_bug()
    for name, ours in vars(quart.signals).items():
        theirs = getattr(flask.signals, name, None)
        if isinstance(ours, NamedSignal) and isinstance(theirs, NamedSignal):
            _unite(ours, theirs)
    module: Any = flask.signals
    module.Namespace = WaitingNamespace
