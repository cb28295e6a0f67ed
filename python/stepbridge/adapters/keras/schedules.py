"""Learning rates whose time is written in any unit, as schedules that Keras compiles into its train step.

What Keras does (seen on 3.15.1): it calls a schedule with `optimizer._iterations`, which counts batches; with
`gradient_accumulation_steps` that is not `optimizer.iterations`, the updates. So a schedule's time is converted to
batches, once, when it is made: a compiled step holds plain numbers. The optimizer's counter, and with it the schedule,
goes on over epochs, fits and restored checkpoints; what it gains or lacks against the clock (`conventions.py`, updates
left out by LossScaleOptimizer) moves the schedule as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import keras
from keras import ops

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import Phases
from stepbridge.clock import StepClock
from stepbridge.timeline import Between, Exact, Quantity, Timeline, as_quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stepbridge.adapters.base import Shape
    from stepbridge.timeline import QuantityLike

__all__ = ["ClockSchedule", "DrivenSchedule", "drive"]

#: Ticks that a compiled step holds one by one, where they are not evenly spaced.
MOST_TICKS = 100_000


@keras.saving.register_keras_serializable(package="stepbridge")
class ClockSchedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # Keras has no types
    """A rate that goes from point to point, each in its own unit: a warmup in steps, then a cosine over the epochs.

    The phases follow one another; after the last one its factor stays. An end inside a batch counts from the next one.

    Args:
        rate: the learning rate that the factors multiply.
        phases: `(end, factor, shape)` each: by `end` (from the start of the run) the rate is `rate` times `factor`;
            `shape` is how it gets there: "linear", "cosine", or "hold" (it stays, and jumps at the end).
        plan: the clock or the timeline by which the ends are converted, as it is now; not needed for batches.
        start: the factor at the start of the run.
        name: as in Keras.

    Raises:
        TypeError: an end without a unit.
        TimelineError: an unknown shape, no phase, ends that go back, or one that the plan cannot tell in batches.

    >>> plan = Timeline.plan(batches_per_epoch=4, epochs=3)
    >>> schedule = ClockSchedule(1.0, [("4st", 1.0, "linear"), ("100%", 0.0, "cosine")], plan, start=0.0)
    >>> [round(float(schedule(batch)), 2) for batch in (0, 1, 4, 8, 12, 20)]
    [0.0, 0.25, 1.0, 0.5, 0.0, 0.0]
    """

    def __init__(
        self,
        rate: float,
        phases: Sequence[tuple[QuantityLike | int, float, Shape]],
        plan: StepClock | Timeline | None = None,
        *,
        start: float = 1.0,
        name: str = "ClockSchedule",
    ) -> None:
        super().__init__()
        self.rate, self.start, self.name = float(rate), float(start), name
        given, knots = [], []
        for end, factor, shape, *inside in cast("Iterable[tuple[Any, ...]]", phases):
            # Whole numbers are the batches of `get_config`, which adds the knots inside a phase.
            given.append((Quantity(end, "ba") if plan is None and isinstance(end, int) else end, factor, shape))
            knots.append(tuple((int(at), float(share)) for at, share in inside[0]) if inside else ())
        converted = Phases(given, start=start).in_batches(_timeline(plan))
        self.phases = [phase._replace(knots=phase.knots or kept) for phase, kept in zip(converted, knots, strict=True)]

    def __call__(self, step: Any) -> Any:
        """Returns the rate for the batch with this index in the run; Keras calls it."""
        factor = Phases.compiled(
            self.phases,
            self.start,
            ops.convert_to_tensor(step),
            share=lambda batches, whole: ops.divide(ops.cast(batches, "float32"), whole),
            numeric=ops,
        )
        return self.rate * factor

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` makes an equal schedule of; the ends are batches by now."""
        phases = [[*phase[:3], [list(knot) for knot in phase.knots]] for phase in self.phases]
        return {"rate": self.rate, "phases": phases, "start": self.start, "name": self.name}


def drive(
    schedule: keras.optimizers.schedules.LearningRateSchedule,
    plan: StepClock | Timeline,
    every: QuantityLike = "1ep",
) -> DrivenSchedule:
    """Returns a schedule that has an existing one tick once for each multiple of `every`, from 0.

    So one that was written in epochs, `ExponentialDecay(0.1, decay_steps=1, decay_rate=0.9)`, gets the epoch, where
    Keras would give it the batch.

    Args:
        schedule: a schedule of `keras.optimizers.schedules`, or one that derives from it.
        plan: the clock or the timeline by which `every` is converted, as it is now.
        every: the unit that the schedule was written for: "1ep", "1st", "100ba", "10%".

    Raises:
        TypeError: not a schedule.
        TimelineError: the plan cannot tell the ticks in batches, or there are too many that are not evenly spaced.

    >>> written_in_epochs = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=1, decay_rate=0.5)
    >>> schedule = drive(written_in_epochs, Timeline.plan(batches_per_epoch=4, epochs=3), every="1ep")
    >>> [round(float(schedule(batch)), 3) for batch in (0, 3, 4, 8)]
    [0.1, 0.1, 0.05, 0.025]
    """
    if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        raise TypeError(f"drive takes a keras LearningRateSchedule, not {type(schedule).__name__}")
    timeline = _timeline(plan)
    if timeline is None:
        raise TypeError("drive needs a clock or a Timeline to convert by, not None")
    gap, ticks = _ticks(as_quantity("every", every), timeline)
    return DrivenSchedule(schedule, gap=gap, ticks=ticks)


@keras.saving.register_keras_serializable(package="stepbridge")
class DrivenSchedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A schedule that is given ticks where Keras counts batches; made by `drive`.

    Args:
        schedule: the schedule, or its configuration.
        gap: batches a tick, where they are evenly spaced.
        ticks: else the batches after which one comes.
    """

    def __init__(
        self, schedule: Any, *, gap: int | None = None, ticks: Sequence[int] = (), name: str = "DrivenSchedule"
    ) -> None:
        super().__init__()
        if isinstance(schedule, dict):
            schedule = keras.saving.deserialize_keras_object(schedule)
        self.schedule, self.gap, self.ticks, self.name = schedule, gap, list(ticks), name

    def __call__(self, step: Any) -> Any:
        """Returns the schedule's rate at the last tick; Keras calls it with the index of the batch in the run."""
        step = ops.convert_to_tensor(step)
        if self.gap is not None:
            return self.schedule(step // self.gap)
        passed = ops.cast(step, "int32") >= ops.convert_to_tensor(self.ticks, "int32")
        return self.schedule(ops.sum(ops.cast(passed, "int32")))

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` makes an equal schedule of."""
        schedule = keras.saving.serialize_keras_object(self.schedule)
        return {"schedule": schedule, "gap": self.gap, "ticks": self.ticks, "name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> DrivenSchedule:
        """Makes a schedule of what `get_config` returned; Keras calls it."""
        return cls(**config)


def _timeline(plan: object) -> Timeline | None:
    """The timeline to convert by.

    Raises:
        TypeError: it is none.
        TimelineError: its windows do not close where Keras closes them.
    """
    if plan is None:
        return None
    timeline = plan.timeline if isinstance(plan, StepClock) else plan
    if not isinstance(timeline, Timeline):
        raise TypeError(f"plan must be a StepClock or a Timeline, not {type(plan).__name__}")
    if any(segment.accumulate > 1 and segment.boundary != "carry" for segment in timeline.segments):
        raise TimelineError('Keras carries accumulated gradients over the end of an epoch: plan with boundary="carry"')
    return timeline


def _ticks(every: Quantity, timeline: Timeline) -> tuple[int | None, list[int]]:
    """The batches a tick, or those after which one comes."""
    gap = timeline.convert(every, "batch")
    if every.value == 0 or not isinstance(gap, (Exact, Between)):
        raise TimelineError(f"every={str(every)!r} in batches is {gap}: {timeline!r}")
    if isinstance(gap, Exact) and int(gap) and (every.unit == "ba" or _even(every, timeline)):
        return int(gap), []
    ticks: list[int] = []
    while len(ticks) < MOST_TICKS:
        answer = timeline.convert(Quantity(every.value * (len(ticks) + 1), every.unit), "batch")
        if isinstance(answer, Exact):
            ticks.append(int(answer))
        elif isinstance(answer, Between) and answer.upper is not None:
            ticks.append(int(answer.upper.value))
        else:
            return None, ticks
    raise TimelineError(f"every={str(every)!r} makes more than {MOST_TICKS} uneven ticks: take a larger amount")


def _even(every: Quantity, timeline: Timeline) -> bool:
    """Whether all multiples are as far apart as the first is from the start."""
    return every.unit in ("st", "ep") and every.value == int(every.value) and len(timeline.segments) == 1
