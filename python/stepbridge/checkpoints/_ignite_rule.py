"""Where an engine of Ignite goes on after a resume.

Seen in 0.5 (`Engine.load_state_dict`, `Engine._setup_engine`): a checkpoint holds the iteration, which counts batches,
and the length of an epoch in batches.

- The epoch is the iteration over that length, also where an epoch was left early.
- That length stays the one of the checkpoint, whatever the loader has now.
- A plain loader begins its data again, and the engine trains as many batches as are left of the epoch in number. A
  loader with a `state_dict` goes on at its own place. `DeterministicEngine` leaves out the batches that are done, in
  the size of now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

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

__all__ = ["IgniteArguments", "IgnitePlace", "LoaderStart", "ignite_check"]

#: What the loader does in an epoch that is resumed in its middle.
LoaderStart: TypeAlias = Literal["begins", "continues", "skips"]


class IgniteArguments(NamedTuple):
    """What decides how many batches an epoch of the data has."""

    batch_size: int | None
    """The samples of a batch on one rank; None if unknown."""
    world_size: int = 1
    batches: int | None = None
    """The batches that the loader has; None if unknown."""

    @classmethod
    def loaded(cls, saved: object) -> IgniteArguments | None:
        """Returns what `_asdict` returned; None where it is not that."""
        if not isinstance(saved, dict) or saved.keys() != set(cls._fields):
            return None
        size, ranks, batches = (saved[name] for name in cls._fields)
        if not _is_count(ranks) or not all(number is None or _is_count(number) for number in (size, batches)):
            return None
        return cls(**saved)


class IgnitePlace(NamedTuple):
    """Where the engine goes on."""

    epoch: int
    """The epoch that it enters, an index from 0."""
    batch: int
    """Batches of it that the engine takes for done."""
    length: int | None
    """Batches of an epoch, as the engine counts."""
    start: LoaderStart = "begins"
    batches: int | None = None
    """The batches that the loader has; None if unknown."""

    @property
    def skipped(self) -> int:
        """The batches of now that the loader leaves out, if it does not go on at its own place."""
        return self.batch % (self.batches or self.length or 1) if self.start == "skips" else 0


def ignite_check(
    clock: StepClock,
    now: IgniteArguments,
    place: IgnitePlace,
    *,
    epochs: int | None,
    later: int = 0,
    before: IgniteArguments | None = None,
    shuffled: bool = False,
) -> ResumeCheck:
    """Returns where the engine goes on, next to where the clock is.

    Args:
        clock: the clock of the run, as it was saved, with the plan of now.
        now: the arguments of now.
        place: where the engine goes on.
        epochs: where the engine ends.
        later: by how many epochs the clock's index is above the engine's.
        before: the arguments when the checkpoint was saved.
        shuffled: whether the loader may begin in another order than before.
    """
    reached = point_of(clock, later=later)
    unit = reached.done.unit
    size = 1 if unit == "ba" else (now.batch_size or 0) * now.world_size
    planned = clock.plan.segments[-1]
    whole = samples_of_epoch(planned) if unit == "sp" else planned.batches
    inside = int(reached.done) if place.start == "continues" else place.skipped * size
    ends_at = None
    if place.length is not None and whole is not None:
        ends_at = inside + (place.length - place.batch) * size
        # The last batch may be partial.
        ends_at = None if whole <= ends_at < whole + size else ends_at
    changes: tuple[ArgumentChange, ...] = ()
    if before is not None:
        pairs = ((name, getattr(before, name), getattr(now, name)) for name in ("batch_size", "world_size"))
        changes = tuple(ArgumentChange(*pair) for pair in pairs if pair[1] != pair[2])
    # Another number of ranks shares the data in another order, and an epoch of a length of its own begins anywhere.
    other = place.length not in (None, now.batches) and (before is None or before.batches == now.batches)
    unknown = shuffled or other or any(change.name == "world_size" for change in changes)
    return ResumeCheck(
        "Ignite",
        reached,
        ResumePoint(place.epoch, Exact(inside, unit)),
        Exact(clock.sample if unit == "sp" and clock.sample is not None else clock.batch, unit),
        None if whole is None else Exact(whole, unit),
        epochs,
        changes,
        cause=_cause(place, reached, resized=not other, unknown=unknown),
        remedy=_remedy(place, reached, resized=not other),
        ends_at=None if ends_at is None else Exact(ends_at, unit),
    )


def _cause(place: IgnitePlace, reached: ResumePoint, *, resized: bool, unknown: bool) -> str:
    causes = []
    if place.epoch != reached.epoch:
        causes.append("Ignite takes the iteration over epoch_length for the epoch, and an epoch had another length")
    if place.batch and place.start == "begins":
        order = (
            ", perhaps in another order, so that these are amounts and which samples is not known" if unknown else ""
        )
        causes.append(f"the loader begins the epoch again{order}, and Ignite counts on from batch {place.batch}")
    if resized and None not in (place.batches, place.length) and place.batches != place.length:
        causes.append(f"epoch_length stays {place.length}, where the loader now has {place.batches} batches")
    return "; ".join(causes)


def _remedy(place: IgnitePlace, reached: ResumePoint, *, resized: bool) -> str:
    if place.batches is not None and ((resized and place.batches != place.length) or place.epoch != reached.epoch):
        return (
            "save at the end of an epoch, and resume there by trainer.load_state_dict("
            f'{{"epoch": ..., "epoch_length": {place.batches}, "max_epochs": ...}})'
        )
    return (
        "save at the end of an epoch and resume from there, or give the trainer a "
        "torchdata.stateful_dataloader.StatefulDataLoader, and save and load it too"
    )


def _is_count(value: object) -> bool:
    return type(value) is int and value > 0
