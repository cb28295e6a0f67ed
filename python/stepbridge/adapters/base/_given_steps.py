"""Steps that a caller gives a logger although the clock has one: what they count, as far as can be seen.

A script logs training by the clock and validation by `epoch + 1`, in one file. Read back, both are steps of one run,
and validation is in its first batches. So the writer looks at each step that it is given, and notes in the ledger what
the steps of a tag count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from typing import Protocol

    from stepbridge.clock import StepClock
    from stepbridge.timeline import Unit

    class LogStep(Protocol):
        """The step of a logger."""

        clock: StepClock

        @property
        def unit(self) -> Unit: ...

        @property
        def base(self) -> Literal[0, 1]: ...


__all__ = ["GivenSteps"]


_BASES: tuple[Literal[0, 1], ...] = (0, 1)


class _Counting(NamedTuple):
    """A way to count: a unit, and from what."""

    unit: Unit
    base: Literal[0, 1]


class GivenSteps:
    """Notes in a clock's ledger, by tag, that a caller's steps are not what the clock would log.

    Args:
        log_step: what the logger is given where the caller gives nothing.
        by: the writer.
    """

    def __init__(self, log_step: LogStep, by: str) -> None:
        self._log_step = log_step
        self._own = _Counting(log_step.unit, log_step.base)
        self._by = by
        #: By tag: the ways to count that fit all of its steps so far, and what the ledger says of it.
        self._fitting: dict[str, set[_Counting]] = {}
        self._noted: dict[str, _Counting | None] = {}

    def see(self, tag: str, step: object) -> None:
        """Looks at a step that is given for a tag."""
        clock = self._log_step.clock
        try:
            # Numpy's and PyTorch's whole numbers are as good as Python's.
            number = int(step)  # type: ignore[call-overload]
        except (TypeError, ValueError):
            return
        counts = _counts(clock)
        fitting = self._fitting.get(tag)
        now = {way for way, count in counts.items() if count == number}
        fitting = self._fitting[tag] = now if fitting is None else fitting & now
        if self._own in fitting and tag not in self._noted:
            return
        known = _one_of(fitting, clock)
        if tag not in self._noted or self._noted[tag] != known:
            self._noted[tag] = known
            clock.record_series_step(
                tag, None if known is None else known.unit, 1 if known is None else known.base, by=self._by
            )


def _counts(clock: StepClock) -> dict[_Counting, int]:
    """What every way to count shows now; batches and steps are those done, the one at hand included."""
    epoch = clock.epoch if clock.batch else clock.position.epoch
    done: dict[Unit, int | None] = {"st": clock.step, "ba": clock.batch, "sp": clock.sample, "ep": epoch + 1}
    if clock.token:
        done["tok"] = clock.token
    return {
        _Counting(unit, base): count - 1 + base
        for unit, count in done.items()
        if count is not None
        for base in _BASES
        # A sample's index is that of the batch's last one, which nobody logs.
        if (unit, base) not in {("sp", 0), ("tok", 0)}
    }


def _one_of(fitting: set[_Counting], clock: StepClock) -> _Counting | None:
    """The way to count that a tag's steps leave; None if there is none, or more than one."""
    if len(fitting) == 2 and clock.timeline.segments[-1].accumulate == 1:
        # Without accumulation a batch is a step.
        units = {way.unit for way in fitting}
        if units == {"st", "ba"} and len({way.base for way in fitting}) == 1:
            return next(way for way in fitting if way.unit == "st")
    return next(iter(fitting)) if len(fitting) == 1 else None
