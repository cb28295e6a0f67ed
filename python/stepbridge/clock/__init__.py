"""The clock of a training loop, and what the adapter of a framework needs of it.

A loop of your own takes its epochs and batches from `StepClock`. A framework that runs the loop itself and calls back
is translated into these events, which `StepClock` has as well:

>>> from stepbridge.clock import StepClock
>>> clock = StepClock(batches_per_epoch=3, epochs=2)
>>> while clock.begin_epoch():
...     for batch in range(3):
...         clock.advance()
...     clock.end_epoch()
>>> clock.end_run()
>>> clock.step, clock.finished
(6, True)

The page "Writing an adapter" of the documentation explains all of them. An adapter uses these, what the clock answers
(`position`, `in_epoch`, `elapsed`, ...), and nothing that begins with an underscore.
"""

from stepbridge.clock._clock import Resume, StepClock
from stepbridge.clock._loaders import LoaderKind, RestOfEpoch, register_loader_kind
from stepbridge.clock._trigger import Trigger
from stepbridge.clock._updates import PolledUpdates, Updates

__all__ = [
    "LoaderKind",
    "PolledUpdates",
    "RestOfEpoch",
    "Resume",
    "StepClock",
    "Trigger",
    "Updates",
    "register_loader_kind",
]
