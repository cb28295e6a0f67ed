"""A schedule as data: points in any unit, and how a factor gets from each to the next."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from stepbridge._errors import TimelineError
from stepbridge.timeline import Between, Exact, Quantity, Timeline, as_quantity, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stepbridge.clock import StepClock
    from stepbridge.timeline import QuantityLike, Unit

__all__ = ["Phase", "Phases", "Shape"]

#: How a factor gets to its next value.
Shape: TypeAlias = Literal["linear", "cosine", "hold"]


class Phase(NamedTuple):
    """One part of a schedule."""

    end: Quantity
    """Where it ends, as an amount from the start of the run."""
    factor: float
    """The factor there."""
    shape: Shape
    """How it gets there: "linear", "cosine", or "hold" (it stays, and jumps at the end)."""


class Phases:
    """The phases of a schedule, one after the other; after the last one its factor stays.

    In each of them time is counted in the unit of its end, so a batch size that changes in the middle moves no end that
    is given in epochs.

    Args:
        phases: `(end, factor, shape)` each.
        start: the factor at the start of the run.

    Raises:
        TypeError: an end without a unit.
        TimelineError: an unknown shape, or no phase.

    >>> from stepbridge import StepClock, Timeline
    >>> phases = Phases([("4st", 1.0, "linear"), ("100%", 0.0, "cosine")], start=0.0)
    >>> clock = StepClock(batches_per_epoch=4, epochs=3)
    >>> clock.begin_epoch()
    True
    >>> clock.advance(2)
    >>> phases.factor(clock)
    0.5
    >>> phases.in_batches(Timeline.plan(batches_per_epoch=4, epochs=3))
    [(4, 1.0, 'linear'), (12, 0.0, 'cosine')]
    """

    def __init__(self, phases: Iterable[tuple[QuantityLike, float, Shape]], *, start: float = 1.0) -> None:
        self._phases = [
            Phase(as_quantity("the end of a phase", end), float(factor), shape) for end, factor, shape in phases
        ]
        if not self._phases:
            raise TimelineError('phases is empty: give at least one, such as ("100%", 0.0, "cosine")')
        for phase in self._phases:
            if phase.shape not in ("linear", "cosine", "hold"):
                raise TimelineError(f'unknown shape {phase.shape!r}: expected "linear", "cosine" or "hold"')
        self.start = float(start)

    @property
    def ends(self) -> list[Quantity]:
        """Where each phase ends."""
        return [phase.end for phase in self._phases]

    def factor(self, clock: StepClock) -> float:
        """Returns the factor where the clock is.

        Raises:
            TimelineError: the clock does not know its position in a phase's unit.
        """
        begin, factor = Quantity(0, "ba"), self.start
        for end, following, shape in self._phases:
            now = clock.elapsed(end.unit)
            if now < end.value:
                since = _in_unit(clock, begin, end.unit)
                progress = Fraction(now - since) / Fraction(end.value - since)
                return float(self.between(factor, following, shape, float(progress)))
            begin, factor = end, following
        return factor

    def in_batches(self, timeline: Timeline | None) -> list[tuple[int, float, Shape]]:
        """Returns the phases with their ends in batches, for a framework that compiles a schedule.

        Args:
            timeline: the run; not needed where all ends are batches. An end inside a batch counts from the next one.

        Raises:
            TimelineError: ends that go back, or one that the timeline cannot tell in batches.
        """
        return self._converted("ba", timeline)

    def in_steps(self, timeline: Timeline | None) -> list[tuple[int, float, Shape]]:
        """Returns the phases with their ends in steps; see `in_batches`."""
        return self._converted("st", timeline)

    def _converted(self, unit: Literal["ba", "st"], timeline: Timeline | None) -> list[tuple[int, float, Shape]]:
        converted: list[tuple[int, float, Shape]] = []
        for end, factor, shape in self._phases:
            number = count_at_end(end, unit, timeline)
            if converted and number < converted[-1][0]:
                raise TimelineError(f"the phase that ends at {end} ({number}{unit}) ends before the one in front of it")
            converted.append((number, factor, shape))
        return converted

    @staticmethod
    def compiled(
        phases: Sequence[tuple[int, float, Shape]],
        start: float,
        count: Any,
        *,
        where: Callable[[Any, Any, Any], Any],
        share: Callable[[Any, int], Any],
        cos: Callable[[Any], Any],
    ) -> Any:
        """Returns the factor at a count that is a tensor of a framework.

        Args:
            phases: what `in_batches` or `in_steps` returned.
            start: the factor at the start of the run.
            count: the batches or steps that are done.
            where: the framework's choice between two values.
            share: a whole tensor divided by a number, as a fraction.
            cos: the framework's cosine.
        """
        factor: Any = phases[-1][1]
        begins = [(0, start), *((end, value) for end, value, _ in phases)]
        for (begin, before), (end, after, shape) in reversed(list(zip(begins, phases, strict=False))):
            passed = share(count - begin, max(end - begin, 1))
            factor = where(count < end, Phases.between(before, after, shape, passed, cos), factor)
        return factor

    @staticmethod
    def between(first: Any, last: Any, shape: Shape, progress: Any, cos: Callable[[Any], Any] = math.cos) -> Any:
        """Returns the factor at a share of the way; `cos` is the framework's, where these are its tensors."""
        if shape == "hold":
            return first
        share = progress if shape == "linear" else (1 - cos(math.pi * progress)) / 2
        return first + (last - first) * share


def count_at_end(amount: Quantity, unit: Literal["ba", "st"], timeline: Timeline | None) -> int:
    """Returns the batches or steps after which an amount of a run is done.

    Raises:
        TimelineError: the timeline does not tell.
    """
    if amount.unit == unit:
        return whole_number("the end of a phase", amount.value)
    if timeline is None:
        raise TimelineError(f"where {amount} is depends on the run: give a plan, a clock or a Timeline")
    name: Literal["batch", "step"] = "batch" if unit == "ba" else "step"
    answer = timeline.convert(amount, name)
    if isinstance(answer, Exact):
        return int(answer)
    if isinstance(answer, Between) and (answer.upper is not None or unit == "st"):
        # The window that is open at the end of the run is never closed.
        return int((answer.lower if answer.upper is None else answer.upper).value)
    raise TimelineError(f"{amount} in {name}{'es' if unit == 'ba' else 's'} is {answer}: {timeline!r}")


def _in_unit(clock: StepClock, reached: Quantity, unit: Unit) -> int | Fraction:
    """The end of a phase, in the unit of the next; inside an accumulation window the steps done by then."""
    answer = clock.convert(reached, unit)
    if isinstance(answer, Exact):
        return answer.value
    if isinstance(answer, Between):
        return answer.lower.value
    raise TimelineError(f"{clock.name}: {reached} in {unit}, where the next phase begins, is {answer}")
