"""The step that a logger is given, and what the ledger says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stepbridge._errors import TimelineError
from stepbridge.adapters.base._clocks import the_clock
from stepbridge.adapters.base._given_steps import GivenSteps
from stepbridge.timeline import unit_symbol

if TYPE_CHECKING:
    from stepbridge.clock import StepClock
    from stepbridge.timeline import Unit, UnitLike

__all__ = ["LogStep"]


class LogStep:
    """The clock's count as a logger is given it: whole, in one unit.

    Args:
        clock: the loop's clock.
        unit: what a step in the log counts: "step", "batch", "sample", "token" (counts, so the first one is 1), or
            "epoch" (an index from 0: the epoch of the batch at hand).

    Raises:
        TypeError: not a clock.
        TimelineError: a unit that a log's step cannot count.

    >>> from stepbridge import StepClock
    >>> clock = StepClock(batches_per_epoch=4, epochs=2, accumulate=2)
    >>> for epoch in clock.epochs(1):
    ...     for batch in clock.batches(range(4)):
    ...         pass
    >>> LogStep(clock, "step").now, LogStep(clock, "batch").now, LogStep(clock, "epoch").now
    (2, 4, 0)
    """

    def __init__(self, clock: StepClock, unit: UnitLike = "step") -> None:
        self.clock = the_clock(clock)
        self.unit: Unit = unit_symbol(unit)
        if self.unit == "dur":
            raise TimelineError("a log's step is whole: log by step, batch, sample, token or epoch, not by duration")

    @property
    def base(self) -> Literal[0, 1]:
        """From what the step counts: 1 for counts, 0 for the index of an epoch."""
        return 0 if self.unit == "ep" else 1

    @property
    def now(self) -> int:
        """The number for what is logged now.

        Raises:
            TimelineError: the clock does not know it, such as samples without a batch size.
        """
        clock = self.clock
        if self.unit == "ep":
            return clock.epoch if clock.batch else clock.position.epoch
        return int(clock.elapsed(self.unit))

    def given(self, by: str) -> GivenSteps:
        """Returns what looks at the steps that a caller gives in place of this one, and notes what they count.

        Args:
            by: the writer that is given them.
        """
        return GivenSteps(self, by)

    def record(self, by: str) -> None:
        """Records in the clock's ledger, if there is one, that loggers are given this step.

        Args:
            by: the writer that gives it.
        """
        self.clock.record_logged_step(self.unit, self.base, by=by)
