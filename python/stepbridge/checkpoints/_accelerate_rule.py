"""Where a loop with Accelerate goes on after a resume.

Seen in 1.0 and 1.15: `save_state` holds no place in the data, so the loop says where it goes on.

- With `use_stateful_dataloader=True` the loader is in the folder, and goes on after as many batches as it had yielded,
  whatever their size is now.
- `clock.batches(loader, resume="skip")` leaves out the samples that are done, where they fill whole batches of now.
- `skip_first_batches(loader, n)` leaves out n batches of now. Those of a loader that dispatches are of one rank.
- A loader with Accelerate's seedable sampler begins in the order of epoch 0, unless `loader.set_epoch(n)` comes before.
  One that shuffles in another way draws another order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stepbridge._errors import TimelineError
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

__all__ = ["AccelerateArguments", "loop_check", "skip_check", "stateful_check"]

_STATEFUL = (
    'prepare the loader without use_stateful_dataloader, and take clock.batches(loader, resume="skip"); or resume with '
    "the batch size and the ranks of the checkpoint"
)


class AccelerateArguments(NamedTuple):
    """What decides how many samples a batch has, and what an n of `skip_first_batches` means."""

    batch_size: int
    """The samples of a batch on one rank; with `split_batches` on all ranks together."""
    world_size: int = 1
    gradient_accumulation_steps: int = 1
    split_batches: bool = False
    dispatches: bool = False
    """Whether rank 0 reads for all ranks."""

    @property
    def all_ranks(self) -> int:
        """The samples of a batch over all ranks."""
        return self.batch_size * (1 if self.split_batches else self.world_size)

    @property
    def skipped_each(self) -> int:
        """The samples that `skip_first_batches` leaves out for each batch."""
        return self.batch_size if self.dispatches else self.all_ranks

    @classmethod
    def loaded(cls, saved: object) -> AccelerateArguments | None:
        """Returns what `_asdict` returned; None where it is not that."""
        if not isinstance(saved, dict) or saved.keys() != set(cls._fields):
            return None
        *counts, split, dispatches = (saved[name] for name in cls._fields)
        if not all(type(count) is int and count > 0 for count in counts):
            return None
        return cls(**saved) if type(split) is type(dispatches) is bool else None


def stateful_check(clock: StepClock, size: int | None) -> ResumeCheck:
    """Returns where a stateful loader goes on, next to where the clock is.

    Args:
        clock: the clock of the run, as it was saved.
        size: the samples of a batch over all ranks now; None if unknown.
    """
    reached, batches = point_of(clock), clock.position.iter
    done, unit = int(reached.done), reached.done.unit
    goes_on = done
    if unit == "sp" and size is not None and batches and clock.in_epoch:
        # What drop_last leaves out depends on the size.
        whole = samples_of_epoch(clock.plan.segments[-1]._replace(batch_size=size))
        goes_on = batches * size if whole is None else min(batches * size, whole)
    changes: tuple[ArgumentChange, ...] = ()
    if goes_on != done:
        changes = (ArgumentChange("samples a batch over all ranks", done // batches, size),)
    return _check(
        clock,
        "Accelerate",
        goes_on,
        changes=changes,
        cause=f"the stateful loader goes on after {batches} batches, whatever their size",
        remedy=_STATEFUL,
    )


def skip_check(clock: StepClock, goes_on: Exact) -> ResumeCheck:
    """Returns where what `skip_first_batches` returned begins, next to where the clock is.

    Args:
        clock: the clock of the run, in the epoch that goes on.
        goes_on: what was left out, in the unit of the clock's data.
    """
    inside = int(clock.epoch_done) > 0
    return _check(
        clock,
        "The loader",
        int(goes_on),
        cause="skip_first_batches left out other batches than those that are done",
        remedy='give clock.batches(loader, resume="skip") the loader that was prepared'
        if inside
        else "take the loader that was prepared for an epoch from its start",
    )


def loop_check(clock: StepClock, size: int) -> ResumeCheck:
    """Returns where a loop over `clock.batches(loader, resume="skip")` goes on, next to where the clock is.

    Args:
        clock: the clock of the run, as it was saved.
        size: the samples of a batch over all ranks now.

    Raises:
        TimelineError: what is done fills no whole number of batches, so that such a loop is refused.
    """
    reached = point_of(clock)
    done, unit = int(reached.done), reached.done.unit
    if unit == "sp" and done % size:
        raise TimelineError(
            f'resume="skip" is refused there: {done} samples of epoch {reached.epoch} (an index from 0) are done, '
            f"which are not a whole number of batches of {size}: resume with a batch size that divides {done}, or from "
            "the end of an epoch"
        )
    planned = clock.plan.segments[-1].batch_size
    unknown = _other_order(clock, reached.epoch)
    if unit == "ba" and done and planned not in (None, size):
        unknown = f"A batch now has {size} samples, where one of the run had {planned}"
    return _check(clock, 'A loop with clock.batches(loader, resume="skip")', done, unknown=unknown)


def _other_order(clock: StepClock, epoch: int) -> str:
    """Why the loader of the next process may begin in another order than the epoch did; empty where it does not."""
    order = str(clock.state_dict().get("order", ""))
    if not order or order == "no shuffle" or order.startswith("EpochOrder"):
        return ""
    if not order.startswith("seed "):
        return "The loader shuffles, and draws another order"
    return f"The loader begins in the order of epoch 0, unless loader.set_epoch({epoch}) comes before" if epoch else ""


def _check(
    clock: StepClock,
    framework: str,
    goes_on: int,
    *,
    changes: tuple[ArgumentChange, ...] = (),
    cause: str = "",
    remedy: str = "",
    unknown: str = "",
) -> ResumeCheck:
    reached = point_of(clock)
    unit = reached.done.unit
    planned = clock.plan.segments[-1]
    whole = samples_of_epoch(planned) if unit == "sp" else planned.batches
    return ResumeCheck(
        framework,
        reached,
        ResumePoint(reached.epoch, Exact(goes_on, unit)),
        Exact((clock.sample or 0) if unit == "sp" else clock.batch, unit),
        None if whole is None else Exact(whole, unit),
        changes=changes,
        cause=cause,
        remedy=remedy,
        unknown=unknown,
    )
