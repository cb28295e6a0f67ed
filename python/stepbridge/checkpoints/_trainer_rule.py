"""Where the Trainer of Transformers goes on after a resume, as it computes that from its step and its arguments.

Seen in 4.46 to 5.24 (`_inner_training_loop`, later `_init_training_state`):

- the step of the checkpoint is divided by the updates of an epoch, both by the arguments of now. It keeps no samples,
  so that other arguments mean another point;
- over a stream of unknown length it takes `max_steps` for the updates of an epoch, so it leaves out all batches of the
  run in the stream's first pass: where that has fewer, nothing of it is left, and the next pass begins at its start;
- with `ignore_data_skip` it begins the epoch again, and still ends after `max_steps`;
- the order of an epoch follows from the seed where Accelerate's seedable sampler shuffles. Any other sampler draws it
  anew from a generator (`group_by_length`, `use_seedable_sampler=False`, a sampler of the user's), whose state when the
  epoch began is not in a checkpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from stepbridge.checkpoints._resume_check import ArgumentChange, ResumeCheck, ResumePoint, point_of
from stepbridge.timeline import Exact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepbridge.clock import StepClock

__all__ = [
    "ARGUMENTS",
    "TrainerArguments",
    "TrainerOrder",
    "TrainerRun",
    "goes_on_after",
    "trainer_check",
    "updates_of_epoch",
]


class TrainerArguments(NamedTuple):
    """The arguments that decide how long an epoch is, and so where the Trainer goes on."""

    per_device_train_batch_size: int
    gradient_accumulation_steps: int = 1
    world_size: int = 1
    """Ranks that share the data."""
    dataloader_drop_last: bool = False
    split_batches: bool = False
    """Whether the batch size is that of all ranks together."""

    @property
    def batch_size(self) -> int:
        """The samples of a batch over all ranks."""
        return self.per_device_train_batch_size * (1 if self.split_batches else self.world_size)

    def batches_of(self, samples: int) -> int:
        """The batches of an epoch of so many samples."""
        return samples // self.batch_size if self.dataloader_drop_last else -(-samples // self.batch_size)

    def saved(self) -> dict[str, Any]:
        """Returns them as a checkpoint holds them."""
        return self._asdict()

    @classmethod
    def loaded(cls, saved: Mapping[str, Any]) -> TrainerArguments | None:
        """Returns what `saved` returned; None where it is not that."""
        kinds = {name: bool if isinstance(default, bool) else int for name, default in _DEFAULTS.items()}
        fits = saved.keys() == kinds.keys() and all(type(saved[name]) is kind for name, kind in kinds.items())
        if not fits or min(int(saved[name]) for name in kinds if kinds[name] is int) < 1:
            return None
        return cls(**saved)


_DEFAULTS: dict[str, int | bool] = {"per_device_train_batch_size": 8, **TrainerArguments._field_defaults}
ARGUMENTS = tuple(_DEFAULTS)


class TrainerOrder(NamedTuple):
    """What the order of an epoch follows from."""

    seed: int | None = None
    """The seed of the sampler; None where the order does not follow from one."""
    drawn: str | None = None
    """What a generator that drew the order was like before; None where none did, empty where that is not known."""

    @property
    def changes_anew(self) -> bool:
        """Whether each epoch's order is drawn, so that another process draws another one."""
        return self.drawn is not None

    def differs(self, before: TrainerOrder) -> bool:
        """Whether the order of an epoch that goes on is another one than it had, as far as that is known."""
        if self.drawn is not None:
            return not self.drawn or self.drawn != before.drawn
        return None not in (self.seed, before.seed) and self.seed != before.seed

    @classmethod
    def loaded(cls, saved: Mapping[str, Any]) -> TrainerOrder:
        """Returns what a checkpoint has of it; one of an earlier version has a seed alone, or nothing."""
        seed, drawn = saved.get("seed"), saved.get("order")
        return cls(seed if type(seed) is int else None, drawn if isinstance(drawn, str) else None)


class TrainerRun(NamedTuple):
    """What the Trainer is about to train."""

    arguments: TrainerArguments
    batches: int | None
    """Batches of an epoch; None for a stream of unknown length."""
    samples: int | None
    """The samples that an epoch trains."""
    batch_size: int | None
    """The samples of a batch over all ranks."""
    epochs: int | None
    """Where the Trainer ends; None where it has no number of epochs."""
    step: int
    """`global_step` of the checkpoint."""
    max_steps: int
    """Where it ends."""
    version: tuple[int, ...]
    """The first two numbers of the version of Transformers."""
    skips_data: bool = True
    """Whether it leaves out what is done: not with `ignore_data_skip`."""
    order: TrainerOrder = TrainerOrder()
    seed_name: str = "seed"
    """The argument that the seed of the order is from."""

    @property
    def first(self) -> tuple[int, int]:
        """The epoch that it enters first, an index from 0, and the batches of it that it leaves out."""
        accumulate = self.arguments.gradient_accumulation_steps
        if self.batches is None:
            epoch, inside = divmod(self.step, max(self.max_steps, 1))
            return epoch, inside * accumulate if self.skips_data else 0
        return goes_on_after(self.step, self.batches, accumulate, version=self.version, skips_data=self.skips_data)

    @property
    def end(self) -> int | None:
        """Batches of its last epoch after which it ends, if not all of them."""
        if self.skips_data or self.batches is None or self.epochs is None or self.version < (4, 52):
            return None
        if self.step >= self.max_steps:
            return None
        accumulate = self.arguments.gradient_accumulation_steps
        updates = updates_of_epoch(self.batches, accumulate, self.version)
        if self.max_steps != updates * self.epochs:
            # The user gave the number of steps, or part of an epoch: the end is where that is.
            return None
        left_out = self.step % updates
        return (updates - left_out) * accumulate if left_out else None


def trainer_check(
    clock: StepClock,
    run: TrainerRun,
    *,
    later: int = 0,
    before: TrainerArguments | None = None,
    order: TrainerOrder | None = None,
    cause: str = "",
) -> ResumeCheck:
    """Returns where the Trainer goes on, next to where the clock is.

    Args:
        clock: the clock of the run, as it was saved.
        run: what the Trainer is about to train.
        later: by how many epochs the clock's index is above the Trainer's.
        before: the arguments when the checkpoint was saved, where it has them.
        order: that of the epoch that goes on, where the checkpoint has it.
        cause: why the run is elsewhere, where no argument is the cause.
    """
    now = run.arguments
    reached = point_of(clock, later=later)
    unit = reached.done.unit
    epoch, skipped = run.first
    length = _batches_of(clock, epoch + later) if run.batches is None else run.batches
    if length is not None and skipped >= length:
        epoch, skipped = epoch + 1, 0
    if unit == "sp":
        size, whole, trained = run.batch_size or 0, run.samples, clock.sample or 0
    else:
        size, whole, trained = 1, length, clock.batch
    done = skipped * size if unit == "ba" else min(skipped * size, whole or 0)
    end = None if run.end is None or whole is None else min(run.end * size, whole)
    enters_last = run.epochs is not None and epoch == run.epochs - 1
    changes = () if before is None else _changes(before, now)
    unknown = ""
    if unit == "ba" and before is not None and before.batch_size != now.batch_size:
        unknown = f"A batch now has {now.batch_size} samples, where one of the run had {before.batch_size}"
    reordered = order is not None and run.order.differs(order)
    if reordered:
        unknown = "The rest of the epoch comes in another order"
    if order is not None and reordered and not run.order.changes_anew:
        changes = (*changes, ArgumentChange(run.seed_name, order.seed, run.order.seed))
    return ResumeCheck(
        "The Trainer",
        reached,
        ResumePoint(epoch, Exact(done, unit)),
        Exact(trained, unit),
        None if whole is None else Exact(whole, unit),
        run.epochs,
        changes,
        cause=cause or _cause(run, changes, reordered=reordered),
        remedy=_remedy(reached, run, changes, reordered=reordered),
        unknown=unknown,
        ends_at=Exact(end, unit) if end is not None and enters_last else None,
        lost_at_end=Exact((whole or 0) - end, unit) if end is not None and not enters_last else None,
    )


def _changes(before: TrainerArguments, now: TrainerArguments) -> tuple[ArgumentChange, ...]:
    pairs = zip(now._fields, before, now, strict=True)
    return tuple(ArgumentChange(name, old, new) for name, old, new in pairs if old != new)


def _batches_of(clock: StepClock, epoch: int) -> int | None:
    """The batches that an epoch had, if it is over."""
    if clock.position.epoch <= epoch:
        return None
    ends = [clock.convert(f"{number}ep", "batch") for number in (epoch, epoch + 1)]
    return int(ends[1]) - int(ends[0]) if all(isinstance(end, Exact) for end in ends) else None


def _cause(run: TrainerRun, changes: tuple[ArgumentChange, ...], *, reordered: bool) -> str:
    if not run.skips_data:
        cause = "ignore_data_skip=True, which begins the epoch again"
        return cause if run.end is None else f"{cause} and ends at max_steps={run.max_steps} all the same"
    if reordered and run.order.changes_anew:
        return "the sampler draws the order of an epoch anew, and a checkpoint does not have it"
    if changes:
        return ""
    if run.batches is None:
        return "the length of the data is not known, and the Trainer leaves out batches of the first epoch alone"
    return "the Trainer counts windows of equal size from the start of the run, and the run had others"


def _remedy(reached: ResumePoint, run: TrainerRun, changes: tuple[ArgumentChange, ...], *, reordered: bool) -> str:
    """What to do, as far as it is mechanical."""
    if not run.skips_data:
        return "leave ignore_data_skip at False"
    anew = reordered and run.order.changes_anew
    remedies = []
    if changes and not anew:
        remedies.append(f"resume with {', '.join(f'{change.name}={change.before}' for change in changes)}")
    if not reordered and run.batches is not None and run.batch_size is not None and reached.done.unit == "sp":
        window = run.batch_size * run.arguments.gradient_accumulation_steps
        if int(reached.done) % window == 0:
            remedies.append("resume from aligned_checkpoint(path, trainer)")
    return " or ".join(remedies) or "save at the end of an epoch, and resume from there"


def updates_of_epoch(batches: int, accumulate: int, version: tuple[int, ...]) -> int:
    """Returns how many updates the Trainer takes for an epoch's; before 4.52 without the short one at its end."""
    return max(-(-batches // accumulate) if version >= (4, 52) else batches // accumulate, 1)


def goes_on_after(
    step: int, batches: int, accumulate: int, *, version: tuple[int, ...], skips_data: bool = True
) -> tuple[int, int]:
    """Returns the epoch, an index from 0, and the batches of it that the Trainer leaves out.

    Args:
        step: `global_step` of the checkpoint.
        batches: batches of an epoch.
        accumulate: batches an update.
        version: the first two numbers of that of Transformers.
        skips_data: False with `ignore_data_skip`.

    >>> goes_on_after(4, batches=20, accumulate=3, version=(5, 24))
    (0, 12)
    """
    epoch, inside = divmod(step, updates_of_epoch(batches, accumulate, version))
    return epoch, inside * accumulate if skips_data else 0
