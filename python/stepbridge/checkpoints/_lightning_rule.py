"""Where Lightning goes on after a resume.

Seen in 2.6 (`_FitLoop`, `_TrainingEpochLoop`): a checkpoint holds the batches of the epoch, and no samples.

- A plain loader begins the epoch's data again. Lightning counts on from the batch of the checkpoint, so it trains as
  many batches as are left in number.
- Where the epoch now has no more batches than that, all of it is trained again.
- A loader with a `state_dict` goes on at its own place.
- With `max_steps` it takes an epoch that ended for one that is running: it trains the first batch of the data once more
  in it, and counts it as one of the epochs, so that with `max_epochs` too the last one is never trained.
- Over a stream without a length it reads one batch ahead, which a loader with a `state_dict` then counts as served.
- What is saved in `on_train_batch_end` of an epoch's last batch goes on with the next epoch. There a loader with a
  `state_dict` is at its end, so that Lightning finds nothing in that epoch and skips it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stepbridge.checkpoints._resume_check import (
    ArgumentChange,
    ResumeCheck,
    ResumePoint,
    point_of,
    samples_of_epoch,
)
from stepbridge.timeline import Exact

if TYPE_CHECKING:
    from stepbridge.clock import StepClock

__all__ = ["LightningArguments", "LightningPlace", "goes_on_at", "lightning_check"]


class LightningArguments(NamedTuple):
    """What decides how many batches an epoch has, and where a window ends."""

    batch_size: int | None
    """The samples of a batch on one rank; None if unknown."""
    world_size: int = 1
    accumulate_grad_batches: int = 1

    @property
    def all_ranks(self) -> int | None:
        """The samples of a batch over all ranks."""
        return None if self.batch_size is None else self.batch_size * self.world_size

    @classmethod
    def loaded(cls, saved: object) -> LightningArguments | None:
        """Returns what `_asdict` returned; None where it is not that."""
        if not isinstance(saved, dict) or saved.keys() != set(cls._fields):
            return None
        size, *others = (saved[name] for name in cls._fields)
        if not (size is None or _is_count(size)) or not all(map(_is_count, others)):
            return None
        return cls(**saved)


class LightningPlace(NamedTuple):
    """Where a loop of Lightning is when it is saved."""

    ready: int = 0
    """Batches of the epoch that were begun; 0 between two epochs."""
    last: bool = False
    """Whether the one at hand is the epoch's last."""
    stateful: bool = False
    """Whether the loader has a `state_dict`, so that it is in the checkpoint."""

    @classmethod
    def loaded(cls, saved: object) -> LightningPlace | None:
        """Returns what `_asdict` returned; None where it is not that."""
        if not isinstance(saved, dict) or saved.keys() != set(cls._fields):
            return None
        ready, *flags = (saved[name] for name in cls._fields)
        if type(ready) is not int or ready < 0 or not all(type(flag) is bool for flag in flags):
            return None
        return cls(**saved)


def goes_on_at(place: LightningPlace, batches: int | None) -> tuple[int, int]:
    """Returns how many epochs later than the one of the checkpoint Lightning goes on, and the index of the batch there.

    Args:
        place: where it was saved.
        batches: those of an epoch now; None where that is not known.

    >>> goes_on_at(LightningPlace(ready=3), 7), goes_on_at(LightningPlace(ready=7, last=True), 7)
    ((0, 3), (1, 0))
    """
    if place.last and place.stateful:
        return 2, 0
    again = batches is not None and place.ready >= batches
    return int(place.last), 0 if again else place.ready


def lightning_check(
    clock: StepClock,
    now: LightningArguments,
    first: tuple[int, int],
    *,
    place: LightningPlace,
    stateful: bool,
    batches: int | None,
    epochs: int | None,
    later: int = 0,
    before: LightningArguments | None = None,
    shuffled: bool = False,
    reads_ahead: bool = False,
) -> ResumeCheck:
    """Returns where Lightning goes on, next to where the clock is.

    Args:
        clock: the clock of the run, as it was saved, with the plan of now.
        now: the arguments of now.
        first: the epoch and the batch that Lightning trains first, indices from 0.
        place: where it was saved.
        stateful: whether the loader goes on at its own place.
        batches: those of an epoch now.
        epochs: where Lightning ends.
        later: by how many epochs the clock's index is above Lightning's.
        before: the arguments when the checkpoint was saved.
        shuffled: whether the loader begins in another order than before.
        reads_ahead: whether Lightning had read one batch more than it trained, which a stateful loader leaves out.
    """
    reached = point_of(clock, later=later)
    unit = reached.done.unit
    epoch, index = first
    size = 1 if unit == "ba" else now.all_ranks or 0
    planned = clock.plan.segments[-1]
    whole = samples_of_epoch(planned) if unit == "sp" else batches
    inside = reached.done if stateful and epoch == reached.epoch else Exact(0, unit)
    ahead = stateful and reads_ahead and bool(int(inside))
    if ahead:
        inside = Exact(int(inside) + size, unit)
    ends_at = None
    if index and not stateful and batches is not None:
        ends_at = (batches - index) * size
        ends_at = ends_at if whole is None else min(ends_at, whole)
    ended = batches is not None and index >= batches and not place.ready
    lost = None
    if ended and whole is not None:
        ends_at = min(size, whole)
        lost = None if epochs is None else Exact(whole, unit)
    changes = () if before is None else _changes(before, now)
    unknown = ""
    if unit == "ba" and stateful and any(change.name == "batch_size" for change in changes):
        unknown = "The loader goes on after as many batches of another size, or where its data set does"
    # Another number of ranks shares the data in another order.
    shuffled = shuffled or any(change.name == "world_size" for change in changes)
    return ResumeCheck(
        "Lightning",
        reached,
        ResumePoint(epoch, inside),
        Exact(clock.sample if unit == "sp" and clock.sample is not None else clock.batch, unit),
        None if whole is None else Exact(whole, unit),
        epochs,
        changes,
        cause=_ENDED if ended else _cause(place, stateful=stateful, shuffled=shuffled, ahead=ahead),
        remedy="resume without max_steps, with max_epochs alone" if ended else _remedy(place, stateful=stateful),
        ends_at=None if ends_at is None else Exact(ends_at, unit),
        unknown=unknown,
        lost_at_end=lost,
    )


_ENDED = (
    "with max_steps Lightning takes the epoch that ended for one that is running, and trains the first batch of the "
    "data once more in it"
)


def _changes(before: LightningArguments, now: LightningArguments) -> tuple[ArgumentChange, ...]:
    """What changes the number of batches; the accumulation does not move a resume."""
    pairs = {name: (getattr(before, name), getattr(now, name)) for name in ("batch_size", "world_size")}
    return tuple(ArgumentChange(name, old, new) for name, (old, new) in pairs.items() if old != new)


def _cause(place: LightningPlace, *, stateful: bool, shuffled: bool, ahead: bool) -> str:
    if place.last and stateful:
        return (
            "the checkpoint was saved in the last batch of an epoch, where the loader is at its end, so that Lightning "
            "finds no batch in the next epoch"
        )
    if place.last:
        return "the checkpoint was saved in the last batch of an epoch that had another number of batches"
    if ahead:
        return "Lightning reads one batch ahead where the data have no length, and the loader counts it as done"
    order = ", in another order, so that these are amounts and which samples is not known" if shuffled else ""
    return f"the loader begins the epoch again{order}, and Lightning counts on from batch {place.ready}"


def _remedy(place: LightningPlace, *, stateful: bool) -> str:
    if place.last:
        return "save at the end of an epoch, as ClockCheckpoint does, and resume from there"
    return (
        "save at the end of an epoch, and resume from there"
        if stateful
        else "give the Trainer a torchdata.stateful_dataloader.StatefulDataLoader, or save at the end of an epoch"
    )


def _is_count(value: object) -> bool:
    return type(value) is int and value > 0
