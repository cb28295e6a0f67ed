"""Where the Trainer goes on after a resume, compared with where the run is.

What the Trainer does (seen on 4.46 to 5.24): see `stepbridge.checkpoints`. Over a stream of unknown length it takes
`max_steps` for the updates of an epoch, so it leaves out all batches of the run in the stream's first pass: where that
has fewer, nothing of it is left, and the next pass begins at its start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge.adapters.transformers.planning import VERSION
from stepbridge.checkpoints import ArgumentChange, ResumeCheck, ResumePoint, TrainerArguments, goes_on_after, point_of
from stepbridge.timeline import Exact

if TYPE_CHECKING:
    from stepbridge.adapters.transformers.planning import Planned
    from stepbridge.clock import StepClock

__all__ = ["first_batch", "resume_check"]


def first_batch(planned: Planned, args: Any, step: int, max_steps: int) -> tuple[int, int]:
    """Returns the epoch that the Trainer enters first, and the batches of it that it leaves out."""
    accumulate = args.gradient_accumulation_steps
    if planned.batches is None:
        epoch, inside = divmod(step, max(max_steps, 1))
        return epoch, 0 if args.ignore_data_skip else inside * accumulate
    return goes_on_after(
        step,
        planned.batches,
        accumulate,
        version=VERSION,
        skips_data=not args.ignore_data_skip,
    )


def resume_check(
    clock: StepClock,
    planned: Planned,
    args: Any,
    first: tuple[int, int],
    *,
    later: int,
    before: TrainerArguments | None,
    seed: int | None = None,
) -> ResumeCheck:
    """Returns where the Trainer goes on, next to where the clock is.

    Args:
        clock: the clock of the run, as it was saved.
        planned: what the Trainer is about to train.
        args: its arguments.
        first: what `first_batch` returned.
        later: by how many epochs the clock's index is above the Trainer's.
        before: the arguments when the checkpoint was saved, where it has them.
        seed: that of the order then, where it has it.
    """
    reached = point_of(clock, later=later)
    unit = reached.done.unit
    epoch, skipped = first
    length = _batches_of(clock, epoch + later) if planned.batches is None else planned.batches
    if length is not None and skipped >= length:
        epoch, skipped = epoch + 1, 0
    if unit == "sp":
        done = min(skipped * (planned.batch_size or 0), planned.samples or 0)
        whole = planned.samples
        trained = clock.sample or 0
    else:
        done, whole, trained = skipped, length, clock.batch
    now = planned.arguments
    unknown = ""
    if unit == "ba" and before is not None and before.batch_size != now.batch_size:
        unknown = f"A batch now has {now.batch_size} samples, where one of the run had {before.batch_size}"
    changes = (
        ()
        if before is None
        else tuple(
            ArgumentChange(name, old, new)
            for name, old, new in zip(now._fields, before, now, strict=True)
            if old != new
        )
    )
    if None not in (seed, planned.seed) and seed != planned.seed:
        unknown = "The rest of the epoch comes in another order"
        changes = (*changes, ArgumentChange("seed" if args.data_seed is None else "data_seed", seed, planned.seed))
    return ResumeCheck(
        "The Trainer",
        reached,
        ResumePoint(epoch, Exact(done, unit)),
        Exact(trained, unit),
        None if whole is None else Exact(whole, unit),
        planned.epochs,
        changes,
        cause="" if changes else _cause(args, planned),
        remedy=_remedy(reached, planned, changes, args),
        unknown=unknown,
    )


def _batches_of(clock: StepClock, epoch: int) -> int | None:
    """The batches that an epoch had, if it is over."""
    if clock.position.epoch <= epoch:
        return None
    ends = [clock.convert(f"{number}ep", "batch") for number in (epoch, epoch + 1)]
    return int(ends[1]) - int(ends[0]) if all(isinstance(end, Exact) for end in ends) else None


def _cause(args: Any, planned: Planned) -> str:
    if args.ignore_data_skip:
        return "ignore_data_skip=True, which begins the epoch again"
    if planned.batches is None:
        return "the length of the data is not known, and the Trainer leaves out batches of the first epoch alone"
    return "the Trainer counts windows of equal size from the start of the run, and the run had others"


def _remedy(reached: ResumePoint, planned: Planned, changes: tuple[ArgumentChange, ...], args: Any) -> str:
    """What to do, as far as it is mechanical."""
    if args.ignore_data_skip:
        return "leave ignore_data_skip at False"
    remedies = [f"resume with {', '.join(f'{change.name}={change.before}' for change in changes)}"] if changes else []
    reordered = any(change.name in ("seed", "data_seed") for change in changes)
    if not reordered and planned.batches is not None and planned.batch_size is not None and reached.done.unit == "sp":
        window = planned.batch_size * planned.arguments.gradient_accumulation_steps
        if int(reached.done) % window == 0:
            remedies.append("resume from aligned_checkpoint(path, trainer)")
    return " or ".join(remedies) or "save at the end of an epoch, and resume from there"
