"""Compares where a framework goes on after a resume with where the run is, and says what that repeats or leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from stepbridge.timeline import Exact

if TYPE_CHECKING:
    from stepbridge.clock import StepClock
    from stepbridge.timeline import Segment

__all__ = ["ArgumentChange", "ResumeCheck", "ResumePoint", "point_of", "samples_of_epoch"]

_NAMES: dict[str, tuple[str, str]] = {"sp": ("sample", "samples"), "ba": ("batch", "batches")}


class ResumePoint(NamedTuple):
    """A point in the data of a run."""

    epoch: int
    """The epoch, an index from 0, as the framework numbers it."""
    done: Exact
    """How much of that epoch's data is done: samples, or batches where nobody knows those."""

    def __str__(self) -> str:
        return f"epoch {self.epoch}, {_NAMES[self.done.unit][0]} {int(self.done):,}"


class ArgumentChange(NamedTuple):
    """An argument of the framework that is another one than when the checkpoint was saved."""

    name: str
    before: object
    now: object

    def __str__(self) -> str:
        return f"{self.name} {self.before} -> {self.now}"


@dataclass(frozen=True, slots=True)
class ResumeCheck:
    """Where a framework goes on, and where the run is.

    >>> reached, goes_on = ResumePoint(1, Exact(25_088, "sp")), ResumePoint(0, Exact(37_632, "sp"))
    >>> changes = (ArgumentChange("world_size", 8, 4),)
    >>> check = ResumeCheck("The Trainer", reached, goes_on, Exact(75_088, "sp"), Exact(50_000, "sp"), changes=changes)
    >>> check.repeated, check.left_out
    (Exact(37456, 'sp'), Exact(0, 'sp'))
    >>> print(check)
    The Trainer resumes at epoch 0, sample 37,632; the run has trained 75,088 samples (epoch 1, sample 25,088).
    37,456 samples will be trained again. Cause: world_size 8 -> 4.
    """

    framework: str
    """The subject of the sentence: "The Trainer"."""
    reached: ResumePoint
    """Where the run is."""
    goes_on: ResumePoint
    """Where the framework goes on, in the same unit."""
    trained: Exact
    """What the run has trained."""
    epoch_data: Exact | None = None
    """The data of an epoch; None if it is unknown."""
    epochs: int | None = None
    """Where the framework ends: after so many epochs, if that is known."""
    changes: tuple[ArgumentChange, ...] = ()
    """The arguments that differ, which is the cause."""
    cause: str = ""
    """The cause, as far as it is not in the arguments: a clause without a full stop."""
    remedy: str = ""
    """What to do: a clause without a full stop."""
    ends_at: Exact | None = None
    """Where the framework ends the epoch that it enters, if that is not the end of its data."""
    unknown: str = ""
    """Why nobody knows which data are trained again, where the framework goes on inside an epoch: a clause."""
    lost_at_end: Exact | None = None
    """What is left of the run's last epoch where the framework ends it, if that is a later one than it enters."""

    @property
    def agrees(self) -> bool:
        """Whether the framework goes on where the run is, and trains all that is left."""
        same = self.reached == self.goes_on or self._ahead == 0
        return same and not self._short and not self._over and not self._mixed and not self._lost

    @property
    def _mixed(self) -> bool:
        """Whether the epoch that goes on inside takes other samples than those that are left of it."""
        return bool(self.unknown) and int(self.goes_on.done) > 0 and not self.ends

    @property
    def repeated(self) -> Exact | None:
        """What is about to be trained again; None: something, and nobody knows how much."""
        return None if self._mixed else self._amount(-1)

    @property
    def left_out(self) -> Exact | None:
        """What is never trained; None: something, and nobody knows how much."""
        amount = None if self._mixed else self._amount(1)
        return amount if amount is None else Exact(int(amount) + self._lost, amount.unit)

    @property
    def ends(self) -> bool:
        """Whether the framework takes the run for finished, and trains nothing more."""
        return self.epochs is not None and self.goes_on.epoch >= self.epochs

    @property
    def _ahead(self) -> int | None:
        """By how much data the framework is ahead of the run; None if unknown."""
        goes_on = self.goes_on
        if self.ends and self.epochs is not None:
            # Past the end there is nothing that could be left out.
            goes_on = ResumePoint(max(self.epochs, self.reached.epoch), Exact(0, goes_on.done.unit))
        epochs = goes_on.epoch - self.reached.epoch
        if epochs and self.epoch_data is None:
            return None
        whole = 0 if self.epoch_data is None else int(self.epoch_data)
        return epochs * whole + int(goes_on.done) - int(self.reached.done)

    @property
    def _lost(self) -> int:
        return 0 if self.lost_at_end is None else int(self.lost_at_end)

    @property
    def _short(self) -> int:
        """What is left of the epoch that the framework enters where it ends that."""
        if self.ends_at is None or self.epoch_data is None:
            return 0
        return max(int(self.epoch_data) - int(self.ends_at), 0)

    @property
    def _over(self) -> int:
        """What the framework trains again as it ends the epoch that it enters only after its data."""
        if self.ends_at is None or self.epoch_data is None:
            return 0
        return max(int(self.ends_at) - int(self.epoch_data), 0)

    def _amount(self, sign: Literal[1, -1]) -> Exact | None:
        ahead = self._ahead
        if ahead is not None and self.ends_at is not None and self.goes_on.epoch < self.reached.epoch:
            # All of the epoch that it enters was trained, and so was what comes after that, up to the point reached.
            between = self.reached.epoch - self.goes_on.epoch - 1
            whole = 0 if self.epoch_data is None else int(self.epoch_data)
            again = int(self.ends_at) - int(self.goes_on.done) + between * whole + int(self.reached.done)
            return Exact(max(again, 0) if sign < 0 else 0, self.goes_on.done.unit)
        if ahead is not None and self.ends_at is not None:
            # What was trained before and what is trained now overlap at most as far as the epoch goes.
            same = self.reached.epoch == self.goes_on.epoch
            done = int(self.reached.done) if same else 0
            if sign < 0:
                again = max(min(done, int(self.ends_at)) - int(self.goes_on.done), 0) + self._over
                return Exact(again, self.goes_on.done.unit)
            missing = 0 if self.epoch_data is None else int(self.epoch_data) - max(done, int(self.ends_at))
            return Exact(max(missing, 0) + (0 if same else max(ahead, 0)), self.goes_on.done.unit)
        if ahead is None:
            later = self.goes_on.epoch > self.reached.epoch
            return None if later == (sign > 0) else Exact(0, self.reached.done.unit)
        return Exact(max(sign * ahead, 0), self.reached.done.unit)

    def __str__(self) -> str:
        where = "at the end of the run, so it trains nothing more" if self.ends else f"at {self.goes_on}"
        trained = _counted(self.trained)
        sentences = [f"{self.framework} resumes {where}; the run has trained {trained} ({self.reached})."]
        if self.agrees:
            sentences.append("That is the same point.")
        if self._mixed:
            sentences.append(f"{self.unknown}, so which samples are trained again, and which never, is not known.")
        amounts = ((self.repeated, "will be trained again"), (self.left_out, "will never be trained"))
        for amount, what in () if self._mixed else amounts:
            if amount is None:
                sentences.append(f"What lies between {what}; the length of an epoch is not known.")
            elif int(amount):
                sentences.append(f"{_counted(amount)} {what}.")
        cause = ", ".join([*map(str, self.changes), *filter(None, [self.cause])])
        if cause and not self.agrees:
            sentences.append(f"Cause: {cause}.")
        if self.remedy and not self.agrees:
            sentences.append(f"Remedy: {self.remedy}.")
        return " ".join(sentences)


def point_of(clock: StepClock, *, later: int = 0) -> ResumePoint:
    """Returns where a clock is.

    Args:
        clock: the clock of the run.
        later: by how many epochs the clock's index is above the framework's, as epochs were begun again.
    """
    return ResumePoint(clock.position.epoch - later, clock.epoch_done)


def samples_of_epoch(planned: Segment) -> int | None:
    """Returns the samples that an epoch trains: those that `drop_last` leaves out never come; None: not known."""
    samples, size = planned.samples, planned.batch_size
    return samples if samples is None or size is None or not planned.drop_last else samples // size * size


def _counted(amount: Exact) -> str:
    one, several = _NAMES[amount.unit]
    number = int(amount)
    return f"{number:,} {one if number == 1 else several}"
