"""When orbax saves, in any unit.

What orbax does (seen on 0.6.4 and 0.12.8): `CheckpointManager.save` asks first whether to, and a loop may ask as well.
Newer versions ask a `SaveDecisionPolicy`, older ones a function, `should_save_fn`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge.adapters.base import the_clock

if TYPE_CHECKING:
    from stepbridge.clock import StepClock
    from stepbridge.timeline import QuantityLike

__all__ = ["SavePolicy"]


class SavePolicy:
    """Saves where the clock crossed a multiple of an amount since the last time: "1ep", "500st", "10_000sp".

    It is a `save_decision_policy` of `CheckpointManagerOptions`, and a `should_save_fn` too. In a batch it gives one
    answer, however often it is asked.

    Args:
        clock: the loop's clock.
        every: how often.

    Raises:
        TypeError: not a clock, or an amount without a unit.
        TimelineError: the amount is 0, or the clock does not know how much is done in this unit.

    >>> from stepbridge import StepClock
    >>> clock = StepClock(batches_per_epoch=3, epochs=2)
    >>> policy = SavePolicy(clock, "1ep")
    >>> [clock.batch for epoch in clock.epochs() for batch in clock.batches(range(3)) if policy(clock.batch)]
    [3, 6]
    """

    def __init__(self, clock: StepClock, every: QuantityLike) -> None:
        self._clock = the_clock(clock)
        self._due = clock.trigger(every)
        self._batch, self._answer = clock.batch, False

    def should_save(self, step: Any, previous_steps: Any = (), *, context: Any = None) -> bool:  # noqa: ARG002 - orbax's
        """Says whether to save now; orbax calls it."""
        if self._clock.batch != self._batch:
            self._batch, self._answer = self._clock.batch, bool(self._due)
        return self._answer

    def __call__(self, step: int, last_step: int | None = None) -> bool:  # noqa: ARG002 - orbax's
        """Says whether to save now; for `should_save_fn`."""
        return self.should_save(step)
