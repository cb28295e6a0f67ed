"""What an engine's handlers ask a clock: whether something is due, and which step it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge.adapters.base import LogStep, the_clock
from stepbridge.timeline import as_quantity

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepbridge.clock import StepClock
    from stepbridge.timeline import QuantityLike, UnitLike

__all__ = ["every", "global_step"]


def every(clock: StepClock, quantity: QuantityLike) -> Callable[[Any, int], bool]:
    """Returns an `event_filter`: whether the iteration at hand crossed a multiple of an amount, in any unit.

    It is for `Events.ITERATION_COMPLETED(event_filter=every(clock, "1ep"))`.

    Args:
        clock: the clock that was attached to the engine.
        quantity: how often: "1ep", "500st", "10_000sp", "10%".

    Raises:
        TypeError: not a clock, or an amount without a unit.
        TimelineError: the amount is 0; in a run: the clock does not know how much is done in this unit.
    """
    due, amount = the_clock(clock).every, as_quantity("quantity", quantity)
    # An amount that says nothing is an error here, and not in the middle of a run.
    due(amount)
    return lambda _engine, _event: due(amount)


def global_step(clock: StepClock, unit: UnitLike = "step") -> Callable[[Any, Any], int]:
    """Returns a `global_step_transform`: the clock's count, for a logger or the name of a checkpoint.

    Args:
        clock: the clock that was attached to the engine.
        unit: what a step counts: "step", "batch", "sample", "token" or "epoch" (an index from 0).

    Raises:
        TypeError: not a clock.
        TimelineError: a unit that a log's step cannot count.
    """
    step = LogStep(clock, unit)
    step.record("ignite")
    return lambda _engine, _event: step.now
