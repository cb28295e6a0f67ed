"""A schedule as data: points in any unit, and how a factor gets from each to the next."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import count as count_from
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from stepbridge._errors import TimelineError
from stepbridge.timeline import Between, Exact, Quantity, Timeline, as_quantity, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from stepbridge.clock import StepClock
    from stepbridge.timeline import Answer, QuantityLike, Unit

    #: Divides a whole tensor of a framework by numbers.
    Share: TypeAlias = Callable[[Any, Any], Any]

__all__ = ["CompiledPhase", "Phase", "Phases", "Shape"]

#: Changes of the pace that a compiled phase holds one by one.
MOST_KNOTS = 100_000

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


class CompiledPhase(NamedTuple):
    """One part of a schedule in a framework's own count; equal to a tuple of the same."""

    end: int
    """Where it ends, in batches or steps."""
    factor: float
    """The factor there."""
    shape: Shape
    """How it gets there."""
    knots: tuple[tuple[int, float], ...] = ()
    """Counts inside it at which the pace changes, and the share of the phase that is done there.

    Where the phase begins inside a batch, the first of them is the count at which it begins.
    """


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
    >>> [tuple(phase) for phase in phases.in_batches(Timeline.plan(batches_per_epoch=4, epochs=3))]
    [(4, 1.0, 'linear', ()), (12, 0.0, 'cosine', ())]
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

    def in_batches(self, timeline: Timeline | None) -> list[CompiledPhase]:
        """Returns the phases with their ends in batches, for a framework that compiles a schedule.

        Where the size of a batch changes inside a phase, and at a partial last batch, the pace changes too, so that the
        factor is that of the data.

        Args:
            timeline: the run; not needed where all ends are batches. An end inside a batch counts from the next one.

        Raises:
            TimelineError: ends that go back, or one that the timeline cannot tell in batches; a pace that changes more
                than 100,000 times.
        """
        return self._converted("ba", timeline)

    def in_steps(self, timeline: Timeline | None) -> list[CompiledPhase]:
        """Returns the phases with their ends in steps; see `in_batches`."""
        return self._converted("st", timeline)

    def _converted(self, unit: Literal["ba", "st"], timeline: Timeline | None) -> list[CompiledPhase]:
        converted: list[CompiledPhase] = []
        counted, begin = 0, Quantity(0, unit)
        for end, factor, shape in self._phases:
            number = count_at_end(end, unit, timeline)
            if number < counted:
                raise TimelineError(f"the phase that ends at {end} ({number}{unit}) ends before the one in front of it")
            even = timeline is None or end.unit == unit or shape == "hold"
            knots = () if timeline is None or even else _knots(begin, end, unit, timeline)
            converted.append(CompiledPhase(number, factor, shape, knots))
            counted, begin = number, end
        return converted

    @staticmethod
    def compiled(phases: Sequence[CompiledPhase], start: float, count: Any, *, share: Share, numeric: Any) -> Any:
        """Returns the factor at a count that is a tensor of a framework.

        Args:
            phases: what `in_batches` or `in_steps` returned.
            start: the factor at the start of the run.
            count: the batches or steps that are done.
            share: a whole tensor divided by numbers, as a fraction.
            numeric: what has the framework's `where`, `cos`, `take`, `sum` and `subtract`, by numpy's names.
        """
        factor: Any = phases[-1].factor
        begins = [(0, start), *((phase.end, phase.factor) for phase in phases)]
        for (begin, before), phase in reversed(list(zip(begins, phases, strict=False))):
            passed = _passed(phase, begin, count, share, numeric)
            value = Phases.between(before, phase.factor, phase.shape, passed, numeric.cos)
            factor = numeric.where(count < phase.end, value, factor)
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


def _passed(phase: CompiledPhase, begin: int, count: Any, share: Share, numeric: Any) -> Any:
    """Returns the share of a phase that is done at a count."""
    if not phase.knots:
        return share(count - begin, max(phase.end - begin, 1))
    at_begin = () if phase.knots[0][0] == begin else ((begin, 0.0),)
    at, done = zip(*at_begin, *phase.knots, (phase.end, 1.0), strict=True)
    counts, shares = np.array(at, "int32"), np.array(done, "float32")
    # A tensor of PyTorch takes no array of numpy but by a function.
    passed = share(numeric.subtract(count, counts[:-1]), np.diff(counts).astype("float32"))
    # The piece that the count is in. Counts outside the phase take the rate of another one.
    piece = numeric.sum(passed[1:] >= 0)
    return numeric.take(shares[:-1], piece) + numeric.take(passed, piece) * numeric.take(np.diff(shares), piece)


def _knots(
    begin: Quantity, end: Quantity, unit: Literal["ba", "st"], timeline: Timeline
) -> tuple[tuple[int, float], ...]:
    """Where the pace changes inside a phase, and which share is done there; also next to an end inside a batch."""
    first, last = count_at_end(begin, unit, timeline), count_at_end(end, unit, timeline)
    since = _at_least(timeline.convert(begin, end.unit))
    if since is None or since >= end.value or first >= last:
        return ()
    counts = {first, last - 1}
    for batch in _turns(timeline, unit):
        answer = timeline.convert(Quantity(batch, "ba"), unit)
        before = _at_least(answer)
        if before is None or before >= last:
            break
        # Batches that a window drops are in the step after them.
        counts |= {int(before) + more for more in range(3 if unit == "st" else 1)}
        if len(counts) > MOST_KNOTS:
            raise TimelineError(
                f"the pace of the phase that ends at {end} changes more than {MOST_KNOTS} times, at batches or windows "
                "of another size: give its end in batches or steps"
            )
    shares: list[tuple[int, Fraction]] = []
    for count in sorted(count for count in counts if first <= count < last):
        done = _at_least(timeline.convert(Quantity(count, unit), end.unit))
        if done is not None:
            # A phase that begins in batches that are dropped begins with the next window.
            shares.append((count, Fraction(max(done - since, 0)) / Fraction(end.value - since)))
    return tuple((count, float(done)) for count, done in _corners(first, shares, last))


def _turns(timeline: Timeline, unit: Literal["ba", "st"]) -> Iterator[int]:
    """Batches at which the pace may change: where a segment begins, and around the ends of epochs that end unevenly."""
    batch = 0
    for segment in timeline.segments:
        yield batch
        if segment.batches is None:
            return
        partial = segment.last_batch_size != segment.batch_size
        short = unit == "st" and segment.boundary != "carry" and segment.batches % segment.accumulate > 0
        if segment.batches and (partial or short):
            for epoch in count_from(1) if segment.epochs is None else range(1, segment.epochs + 1):
                yield batch + epoch * segment.batches - 1
                yield batch + epoch * segment.batches
        if segment.epochs is None:
            return
        batch += segment.epochs * segment.batches


def _corners(first: int, shares: Sequence[tuple[int, Fraction]], last: int) -> Iterator[tuple[int, Fraction]]:
    """Those of the points that are not on the line between their neighbours."""
    begin = shares[0] if shares and shares[0][0] == first else (first, Fraction(0))
    if begin[1]:
        yield begin
    points = [point for point in shares if point[0] > first]
    for point, (following, done) in pairwise([*points, (last, Fraction(1))]):
        if (point[1] - begin[1]) * (following - point[0]) != (done - point[1]) * (point[0] - begin[0]):
            yield point
            begin = point


def _at_least(answer: Answer) -> int | Fraction | None:
    """What is done for certain; `None` where nothing is known."""
    if isinstance(answer, Between):
        return answer.lower.value
    return answer.value if isinstance(answer, Exact) else None


def _in_unit(clock: StepClock, reached: Quantity, unit: Unit) -> int | Fraction:
    """The end of a phase, in the unit of the next; inside an accumulation window the steps done by then."""
    answer = clock.convert(reached, unit)
    done = _at_least(answer)
    if done is not None:
        return done
    raise TimelineError(f"{clock.name}: {reached} in {unit}, where the next phase begins, is {answer}")
