"""What a clock answers: where the run is, how much is done, and what is planned. Nothing here moves it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from stepbridge import _core, _display
from stepbridge.clock._trigger import Trigger
from stepbridge.timeline import Answer, Location, Position, Quantity, QuantityLike, Timeline, UnitLike, as_quantity
from stepbridge.timeline._arguments import text

if TYPE_CHECKING:
    from stepbridge.conventions import ConventionName

__all__ = ["ClockReadings"]


class ClockReadings(_core.Clock):
    """The readable half of `StepClock`."""

    def __init__(self, plan: Timeline, *, name: str, until: QuantityLike | None) -> None:
        if not isinstance(plan, Timeline):
            raise TypeError(f"plan must be a Timeline, such as Timeline.plan(...) makes, not {type(plan).__name__}")
        self.name = text("name", name)
        self._until = None if until is None else as_quantity("until", until)
        #: Copies in the epochs that have ended, and in each epoch.
        self._padding = self._padding_each = 0
        #: Whether a resume left the clock inside the running epoch, and whether `begin_epoch` has entered it since.
        self._resumed = False
        self._entered = False
        self._set_run(plan, plan, 0, 0)

    def _set_run(self, plan: Timeline, timeline: Timeline, batch: int, epochs: int) -> None:
        """Sets the plan, and the position after so many batches and complete epochs of a timeline."""
        self._plan = plan
        self._bounded = timeline.epochs is not None or (timeline.is_stream and timeline.batches is not None)
        self._set_position(timeline._core, batch, epochs)
        self._resumed, self._entered = self._in_epoch, False

    @property
    def location(self) -> Location:
        """Where the batch at hand is: epoch and iter, indices from 0. After an epoch's last batch it is still there.

        Raises:
            RuntimeError: no batch is counted yet.
        """
        return Location(self.epoch, self.iter)

    @property
    def position(self) -> Position:
        """The same moment as a state: epochs complete, and batches of the next one; after an epoch's last batch 0."""
        return Position(*self._position)

    @property
    def timeline(self) -> Timeline:
        """What was observed, then what is planned."""
        return Timeline._of(self._timeline())

    @property
    def plan(self) -> Timeline:
        """The plan in force: given, loaded or set by `replan`. `timeline` has what was observed as well."""
        return self._plan

    @property
    def until(self) -> Quantity | None:
        """Where training stops; None where the plan alone says it."""
        return self._until

    @property
    def until_reached(self) -> bool:
        """Whether `until` is given and reached."""
        return self._until is not None and self._reached(self._until._amount)

    @property
    def finished(self) -> bool:
        """Whether `until` is reached, or the last planned epoch is complete."""
        return self.until_reached or (self._bounded and self._at_end)

    @property
    def in_epoch(self) -> bool:
        """Whether an epoch has begun and not ended."""
        return self._in_epoch

    @property
    def resumed_inside(self) -> bool:
        """Whether a resume left the clock in the middle of an epoch that `begin_epoch` has not entered yet."""
        return self._resumed and not self._entered

    @property
    def pending(self) -> int:
        """Batches that are done of the accumulation window that is open; 0 where none is."""
        return self._pending

    @property
    def padding(self) -> int:
        """Copies that the sampler added in the epochs complete so far; `sample` does not count them."""
        # After an epoch's last batch the epoch is complete, before the loop has ended it.
        whole = self._is_whole and not self._is_stream
        return self._padding + (self._padding_each if whole else 0)

    def elapsed(self, unit: UnitLike) -> int | Fraction:
        """Returns how much of `unit` is done, the batch at hand included; whole, except for epochs and the duration.

        Raises:
            TimelineError: it is not known: samples without a batch size, a part of an epoch of unknown length.

        >>> from stepbridge import StepClock
        >>> clock = StepClock(samples=1000, batch_size=200, epochs=4)
        >>> for epoch in clock.epochs(1):
        ...     for batch in clock.batches(range(5)):
        ...         print(clock.elapsed("epoch"), clock.elapsed("sample"), clock.elapsed("duration"))
        1/5 200 1/20
        2/5 400 1/10
        3/5 600 3/20
        4/5 800 1/5
        1 1000 1/4
        """
        num, den = self._elapsed(text("unit", unit))
        return num if den == 1 else Fraction(num, den)

    def reached(self, quantity: QuantityLike) -> bool:
        """Whether so much of the run is done, in any unit. `at` says it only in the batch that reaches it.

        Raises:
            TimelineError: how much is done in that unit is not known.
        """
        return self._reached(as_quantity("quantity", quantity)._amount)

    def multiples(self, quantity: QuantityLike) -> int:
        """Returns how many multiples of `quantity` are done: after step 12 there are 2 of "5st".

        Raises:
            TimelineError: the quantity is 0, or how much is done in its unit is not known.
        """
        return self._multiples(as_quantity("quantity", quantity)._amount)

    def convert(self, quantity: QuantityLike, unit: UnitLike) -> Answer:
        """Converts an amount into another unit: the past as observed, the future as planned. See `Timeline.convert`."""
        return self.timeline.convert(quantity, unit)

    def counters(self, convention: ConventionName) -> dict[str, int | None]:
        """Returns what a framework's own counters show now, just after the batch at hand.

        Raises:
            RuntimeError: no batch is counted yet.
            TimelineError: an unknown convention.

        >>> from stepbridge import StepClock
        >>> clock = StepClock(samples=1000, batch_size=200, epochs=5)
        >>> for epoch in clock.epochs():
        ...     for batch in clock.batches(range(5)):
        ...         pass
        >>> clock.counters("keras")
        {'epoch': 4, 'batch': 4, 'iterations': 25}
        """
        epoch, iteration = self.location
        return self.timeline.translate({"epoch": epoch, "iter": iteration}, source="pytorch", target=convention)

    def trigger(self, quantity: QuantityLike) -> Trigger:
        """Returns an object that is true once where multiples of `quantity` were crossed since you asked it last."""
        return Trigger(self, quantity)

    def _repr_html_(self) -> str:
        """Returns the counts as a table, for a notebook."""
        names = ("epoch", "iter", "step", "batch", "sample", "token")
        epoch, iteration = self._position
        counts = (epoch, iteration, self.step, self.batch, self.sample, self.token)
        more = f"of {self.timeline!r}"
        shown = [None if count is None else f"{count:,}" for count in counts]
        return _display.as_html(f"{type(self).__name__} {self.name}: position and counts", names, [shown], more)

    def __repr__(self) -> str:
        epoch, iteration = self._position
        return (
            f"{type(self).__name__}({self.name}: epoch {epoch}, iter {iteration}, step {self.step}, batch {self.batch})"
        )
