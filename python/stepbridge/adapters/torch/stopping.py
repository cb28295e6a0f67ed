"""Early stopping whose patience is written in any unit.

PyTorch has none; this is that of the adapter for Keras, for a loop of one's own.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, SupportsFloat

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import the_clock
from stepbridge.timeline import as_quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepbridge.clock import StepClock
    from stepbridge.timeline import Location, QuantityLike

__all__ = ["ClockEarlyStopping"]


class ClockEarlyStopping:
    """Says when a metric has not improved for so long, in any unit: "3ep", "500st", "10_000sp", "5%".

    Call `step` with each value of the metric, after an epoch or inside one. Its state goes into the checkpoint. On
    several ranks give each the same value, so that all of them stop.

    Args:
        patience: for how long it may fail to improve.
        clock: the loop's clock.
        mode: whether a smaller value is better, "min", or a larger one, "max".
        min_delta: by how much a value has to be better.
        baseline: a value that has to be reached; until then nothing counts as an improvement.
        start_from: from where on to look, as an amount from the start of the run.

    Raises:
        TypeError: not a clock, or an amount without a unit.
        TimelineError: another word for `mode`; the clock does not know its position in that unit.

    >>> from stepbridge import StepClock
    >>> clock = StepClock(batches_per_epoch=5, epochs=10)
    >>> stopping = ClockEarlyStopping("2ep", clock=clock)
    >>> losses = [5.0, 4.0, 4.1, 4.2, 1.0]
    >>> for epoch in clock.epochs():
    ...     for batch in clock.batches(range(5)):
    ...         pass
    ...     if stopping.step(losses[epoch]):
    ...         break
    >>> stopping.best, stopping.stopped_at
    (4.0, Location(epoch=3, iter=4))
    """

    def __init__(
        self,
        patience: QuantityLike = "1ep",
        *,
        clock: StepClock,
        mode: Literal["min", "max"] = "min",
        min_delta: float = 0.0,
        baseline: float | None = None,
        start_from: QuantityLike | None = None,
    ) -> None:
        self.clock = the_clock(clock)
        if mode not in ("min", "max"):
            raise TimelineError(f'unknown mode={mode!r}: expected "min" or "max"')
        self.mode = mode
        self.min_delta, self.baseline = abs(float(min_delta)), baseline
        self._patience = as_quantity("patience", patience)
        self._start = None if start_from is None else as_quantity("start_from", start_from)
        self.best: float | None = None
        """The best value so far."""
        self.stopped_at: Location | None = None
        """Where it stopped: the batch after which `step` returned True; None: it did not."""
        self._best_at: int | Fraction = clock.elapsed(self._patience.unit) if clock.batch else 0

    def step(self, value: SupportsFloat) -> bool:
        """Looks at a value of the metric; returns whether to stop.

        A value that is not a number is not an improvement.
        """
        clock, number = self.clock, float(value)
        if self._start is not None and not clock.reached(self._start):
            return False
        now = clock.elapsed(self._patience.unit)
        if self._improves(number, self.best):
            self.best = number
            if self.baseline is None or self._improves(number, self.baseline):
                self._best_at = now
            return False
        if now - self._best_at < self._patience.value:
            return False
        self.stopped_at = clock.location
        return True

    def _improves(self, value: float, reference: float | None) -> bool:
        if math.isnan(value):
            return False
        if reference is None:
            return True
        return value + self.min_delta < reference if self.mode == "min" else value - self.min_delta > reference

    def state_dict(self) -> dict[str, Any]:
        """Returns the best value and where it was: numbers and strings only."""
        return {"best": self.best, "best_at": str(self._best_at), "unit": self._patience.unit}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from a saved state.

        Raises:
            TimelineError: it is of a patience in another unit.
        """
        if state["unit"] != self._patience.unit:
            raise TimelineError(f"the patience is {self._patience}, the state is of one in {state['unit']!r}")
        self.best, self._best_at = state["best"], Fraction(state["best_at"])
