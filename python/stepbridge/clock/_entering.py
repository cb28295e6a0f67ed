"""Where a clock is in the data of the running epoch, and what happens where a loop enters it elsewhere.

A loop may train part of an epoch again, or leave part of it out. Then what the clock counted of the epoch is not how
far its data is. The clock keeps the difference, so that a resume finds the right sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stepbridge._errors import TimelineError
from stepbridge.clock._followers import ClockFollowers
from stepbridge.clock._trained import TrainedParts
from stepbridge.timeline import Exact, Quantity, whole_number

if TYPE_CHECKING:
    import os

    from stepbridge.ledger import Base
    from stepbridge.timeline import QuantityLike, Timeline, UnitLike

__all__ = ["ClockEntering"]


class ClockEntering(ClockFollowers):
    """The part of `StepClock` that knows how far the data of an epoch is."""

    def __init__(
        self,
        plan: Timeline,
        *,
        name: str,
        until: QuantityLike | None,
        ledger: str | os.PathLike[str] | None,
        logged_as: tuple[UnitLike, Base] | None,
    ) -> None:
        super().__init__(plan, name=name, until=until, ledger=ledger, logged_as=logged_as)
        #: What was trained again, and what was left out: samples, or batches where those are not known.
        self._repeated = self._left_out = 0
        #: By how much the running epoch is longer than its data, in the same unit.
        self._longer = self._next_longer = 0
        #: Which parts of the running epoch's data were trained.
        self._trained = TrainedParts()
        #: Whether the plan of such an epoch was replaced since it was entered.
        self._replanned = False
        #: Whether a resume changed the number of batches in the running epoch, and nobody knows their sizes.
        self._resized = False
        #: In which order the loader yields the running epoch, as its adapter says; None if unknown.
        self._order: str | None = None
        #: What `rest` returned, until batches are taken from it.
        self._rest: object = None

    @property
    def repeated(self) -> Exact:
        """What was trained more than once, as the loop entered an epoch before the point that it had reached.

        In samples; in batches where the clock does not know those.
        """
        return Exact(self._repeated, self._data_unit)

    @property
    def left_out(self) -> Exact:
        """What was never trained, as the loop entered an epoch past the point that it had reached; as `repeated`."""
        return Exact(self._left_out, self._data_unit)

    @property
    def epoch_done(self) -> Exact:
        """How much of the running epoch's data is done, in the unit of `repeated`; 0 between two epochs.

        That is what the clock counted of the epoch, unless the loop entered the epoch at another point.
        """
        done = self._data_done() if self._in_epoch and not self._is_whole else 0
        return Exact(done, self._data_unit)

    @property
    def _data_unit(self) -> Literal["sp", "ba"]:
        """What the data of an epoch is measured in: samples, where the plan states them."""
        shape = self._epoch_shape
        if shape is None:
            planned = self.timeline.segments
            shape = (planned[-1].samples, planned[-1].batch_size, False) if planned else (None, None, False)
        return "sp" if None not in shape[:2] else "ba"

    def _counted_of_epoch(self) -> int:
        """What is counted of the running epoch, in that unit."""
        iteration = self._position[1]
        if not iteration and self._in_epoch and self._is_whole:
            iteration = self.iter + 1
        if not iteration or self._data_unit == "ba":
            return iteration
        return self._samples_of_epoch(iteration)

    def _samples_of_epoch(self, batches: int) -> int:
        """The samples of the first batches of the running epoch.

        Raises:
            TimelineError: they are not known.
        """
        epoch = self._position[0] - (self._in_epoch and self._is_whole)
        begun = self.timeline.convert(Quantity(epoch, "ep"), "sample") if batches else Exact(0, "sp")
        if not isinstance(begun, Exact) or self.sample is None:
            raise TimelineError(f"{self.name}: how many samples of the epoch are done is not known: give batch_size")
        return self.sample - int(begun)

    def _running_epoch(self) -> int | None:
        """The index of the running epoch; None between two."""
        # After an epoch's last batch the position is that of the next epoch, which has not begun.
        return self._position[0] - self._is_whole if self._in_epoch else None

    def _wanted(self, epoch: int | None) -> int:
        """The epoch that a framework enters.

        Raises:
            TimelineError: it is over, or not planned.
        """
        running = self._running_epoch()
        following = self._position[0] if running is None else running + 1
        if epoch is None:
            return following if running is None or not self.resumed_inside else running
        wanted = whole_number("epoch", epoch, "ep")
        planned = self.timeline.epochs
        first = following if running is None else running
        if wanted < first or (planned is not None and wanted >= planned and wanted > following):
            expected = f"epoch {first} or a later one" + ("" if planned is None else f", of {planned} in all")
            raise TimelineError(
                f"{self.name}: cannot enter epoch {wanted} (an index from 0): expected {expected}, since the clock "
                f"counted {self.batch} batches; StepClock(initial=...) and load_state_dict set where a run continues"
            )
        return wanted

    def _data_done(self) -> int:
        """How much of the data of the running epoch is done."""
        return self._counted_of_epoch() - self._longer

    def _data_of(self, epoch: int) -> int | None:
        """How much data an epoch has; None where that is not known."""
        ends = (self.timeline.convert(Quantity(number, "ep"), self._data_unit) for number in (epoch, epoch + 1))
        begin, end = ends
        if not isinstance(begin, Exact) or not isinstance(end, Exact):
            return None
        running = self._in_epoch and epoch == self._position[0] - self._is_whole
        return int(end) - int(begin) - (self._longer if running else 0)

    def _data_planned(self) -> int | None:
        """How much data a further epoch has; None where that is not known."""
        planned = self._plan.segments[-1]
        if self._data_unit == "sp":
            size, samples = planned.batch_size, planned.samples
            return samples if samples is None or size is None or not planned.drop_last else samples // size * size
        return planned.batches

    def _entry_point(
        self, epoch: int, batch: int | None, sample: int | None, *, running: bool, again: bool = False
    ) -> int | None:
        """Where an epoch is entered, in the unit of its data; None: where it is. `again`: it is begun again.

        Raises:
            TimelineError: it has no such point, or the clock does not know its samples.
        """
        unit = self._data_unit
        shape = self._epoch_shape if running else None
        size = shape[1] if shape is not None else self.timeline.segments[-1].batch_size
        batch = None if batch is None else whole_number("batch", batch, "ba")
        sample = None if sample is None else whole_number("sample", sample, "sp")
        at: int | None = None
        if batch is not None:
            at = batch if unit == "ba" or size is None else batch * size
            if running and not self._longer and batch == (self._position[1] or (self._is_whole and self.iter + 1)):
                at = self._data_done()
        if sample is not None:
            of_sample = sample
            if unit == "ba" and sample:
                if size is None:
                    raise TimelineError(
                        f"{self.name}: cannot enter epoch {epoch} (an index from 0) after sample={sample}: the clock "
                        "does not know how many a batch has: give it samples and batch_size, or enter by batch="
                    )
                if sample % size:
                    raise TimelineError(
                        f"{self.name}: cannot enter epoch {epoch} (an index from 0) after sample={sample}: that is "
                        f"inside a batch of {size}"
                    )
                of_sample = sample // size
            if at is not None and at != of_sample:
                raise TimelineError(
                    f"{self.name}: cannot enter epoch {epoch} (an index from 0): batch={batch} and sample={sample} are "
                    "not the same point"
                )
            at = of_sample
        # One that is begun again is a further epoch, as it is planned now.
        whole = self._data_of(epoch) if running or not again else self._data_planned()
        if at is not None and (at < 0 or (whole is not None and at >= whole and at > 0)):
            given = " and ".join(f"{name}={value}" for name, value in (("batch", batch), ("sample", sample)) if value)
            point = given if at < 0 else f"{Quantity(at, unit)} ({given})"
            have = "it has" if whole is None else f"it has {Quantity(whole, unit)} in all"
            raise TimelineError(f"{self.name}: cannot enter epoch {epoch} (an index from 0) after {point}: {have}")
        return at

    def _enter_at(self, at: int, *, tell: bool) -> None:
        """Lets the running epoch go on at another point of its data."""
        done, counted, unit = self._data_done(), self._counted_of_epoch(), self._data_unit
        epoch = self._position[0] - (self._in_epoch and self._is_whole)
        if self._data_of(epoch) is not None:
            self._enter(done, at)
        self._longer = counted - at
        before, now = self._trained, self._trained.entered_at(done, at)
        self._trained = now
        # An entry says what it repeats and leaves out; what an earlier one was going to, and does not, comes off again.
        left_out = max(at - done, 0) - now.again_between(done, at)
        self._repeated -= before.again_from(done)
        self._left_out += now.missing_before_begin() - before.missing_before_begin() - left_out
        self._note_entry(epoch, at, repeated=now.again_from(at), left_out=left_out, unit=unit, tell=tell)

    def _count_not_again(self) -> None:
        """Takes off `repeated` what the loop was going to train again in the running epoch, and did not."""
        if self._trained.earlier:
            self._repeated -= self._trained.again_from(self._data_done())
            self._trained = TrainedParts()

    def _never_trained(self, epoch: int) -> int:
        """How much of the running epoch's data is never trained if the loop leaves it now, beyond what is counted."""
        whole = self._data_of(epoch)
        if whole is None or self._is_whole:
            return 0
        return self._trained.missing_of(whole, self._data_done()) - self._trained.missing_before_begin()

    def _note_entry(
        self, epoch: int, at: int, *, repeated: int, left_out: int, unit: Literal["sp", "ba"], tell: bool
    ) -> None:
        """Counts and records what an entry repeats or leaves out, and tells it once."""
        self._repeated += repeated
        self._left_out += left_out
        if self._ledger is not None:
            self._ledger.record_entry(
                self, self.padding, epoch=epoch, unit=unit, at=at, repeated=repeated, left_out=left_out
            )
            self._ledger.record_change(self, self.padding)
        kind, what = ("repeated", "is trained again") if repeated else ("left_out", "is never trained")
        if tell and (repeated or left_out) and kind not in self._warned:
            self._warned.add(kind)
            where = f"{Quantity(at, unit)} of its data" if at else "its start"
            self.warn(
                f"epoch {epoch} (an index from 0) is entered at {where}, so {Quantity(repeated or left_out, unit)} "
                f"{what}; clock.{kind} counts that, here and from here on"
            )
