"""What every adapter needs, and only adapters: one place for each mechanism that the frameworks share.

- `framework` imports a framework: it says what to install where it is missing, and what is too old;
- `the_clock`, `clock_or_options` and `check_mismatch` check what a user gave;
- `LoopDriver` has one method for each event of a training loop;
- `Watch` is an optimizer whose real updates are counted, `CounterWatch` one that counts them itself;
- `Phases` is a schedule as data: points in any unit, and how a factor gets from one to the next;
- `EpochOrder` is an order of samples that follows from a seed alone;
- `ResumeCheck` says what a resume repeats and leaves out: where a framework goes on (a `ResumePoint`) next to where the
  clock is (`point_of`), and which arguments changed;
- `LogStep` is the step that a logger is given, and what the ledger says of it.

The page "Writing an adapter" of the documentation makes an adapter of them.
"""

from stepbridge.adapters.base._clocks import check_mismatch, clock_or_options, the_clock
from stepbridge.adapters.base._counter import CounterUpdates, CounterWatch
from stepbridge.adapters.base._driver import LoopDriver
from stepbridge.adapters.base._framework import framework
from stepbridge.adapters.base._log_step import LogStep
from stepbridge.adapters.base._order import EpochOrder
from stepbridge.adapters.base._phases import CompiledPhase, Phases, Shape
from stepbridge.adapters.base._watch import Watch, watches
from stepbridge.checkpoints import ArgumentChange, ResumeCheck, ResumePoint, point_of

__all__ = [
    "ArgumentChange",
    "CompiledPhase",
    "CounterUpdates",
    "CounterWatch",
    "EpochOrder",
    "LogStep",
    "LoopDriver",
    "Phases",
    "ResumeCheck",
    "ResumePoint",
    "Shape",
    "Watch",
    "check_mismatch",
    "clock_or_options",
    "framework",
    "point_of",
    "the_clock",
    "watches",
]
