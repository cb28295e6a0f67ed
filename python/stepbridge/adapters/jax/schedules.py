"""Learning rates whose time is written in any unit, as schedules of optax.

What optax does (seen on 0.2.3 and 0.2.8): it calls a schedule inside the jitted step with its own count, which counts
updates. Around `MultiSteps` it counts batches. Both are numbers on the device, so a schedule's time is converted once,
when it is made. The count is in the optimizer's state, and with it the schedule goes on over resumes; an update that
`apply_if_finite` leaves out does not move it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import jax.numpy as jnp

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import Phases
from stepbridge.clock import StepClock
from stepbridge.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stepbridge.adapters.base import Shape
    from stepbridge.timeline import QuantityLike

__all__ = ["schedule"]


def schedule(
    plan: StepClock | Timeline,
    phases: Sequence[tuple[QuantityLike, float, Shape]],
    *,
    rate: float = 1.0,
    start: float = 1.0,
    counts: Literal["step", "batch"] = "step",
) -> Callable[[Any], Any]:
    """Returns a schedule of optax that goes from point to point, each in its own unit.

    The phases follow one another; after the last one its factor stays. An end inside a window or a batch counts from
    the next one.

    Args:
        plan: the clock or the timeline by which the ends are converted, as it is now.
        phases: `(end, factor, shape)` each: by `end` (from the start of the run) the rate is `rate` times `factor`;
            `shape` is how it gets there: "linear", "cosine", or "hold" (it stays, and jumps at the end).
        rate: the learning rate that the factors multiply.
        start: the factor at the start of the run.
        counts: what optax counts where the schedule is: "step", or "batch" where it is around `optax.MultiSteps`.

    Raises:
        TypeError: not a clock or a timeline; an end without a unit.
        TimelineError: an unknown shape, no phase, ends that go back, or one that the plan cannot tell.

    >>> plan = Timeline.plan(batches_per_epoch=6, epochs=3, accumulate=2)
    >>> rate = schedule(plan, [("2st", 1.0, "linear"), ("100%", 0.0, "cosine")], start=0.0)
    >>> [round(float(rate(step)), 2) for step in (0, 1, 2, 9, 20)]
    [0.0, 0.5, 1.0, 0.0, 0.0]
    """
    if not isinstance(plan, (StepClock, Timeline)):
        raise TypeError(f"schedule takes a StepClock or a Timeline first, not {type(plan).__name__}")
    if counts not in ("step", "batch"):
        raise TimelineError(f'unknown counts={counts!r}: expected "step" or "batch"')
    given = Phases(phases, start=start)
    timeline = plan if isinstance(plan, Timeline) else plan.timeline
    ends = given.in_steps(timeline) if counts == "step" else given.in_batches(timeline)

    def rate_at(count: Any) -> Any:
        return rate * Phases.compiled(
            ends,
            given.start,
            jnp.asarray(count),
            share=lambda passed, whole: passed.astype(jnp.float32) / whole,
            numeric=jnp,
        )

    return rate_at
