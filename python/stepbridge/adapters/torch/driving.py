"""Drives a scheduler that exists already in the unit that it was written for.

What PyTorch does (seen on 2.15): every scheduler counts its `step()` calls in `last_epoch`, whatever their unit is (an
epoch for `StepLR(step_size=30)`, an update for `OneCycleLR(total_steps=...)`), and saves that count in its state.
`ChainedScheduler` has none of its own, but its parts do. So the clock can say how often `step()` must have been called,
and nothing else has to be remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LRScheduler

from stepbridge.adapters.base import the_clock
from stepbridge.timeline import as_quantity

if TYPE_CHECKING:
    from stepbridge.clock import StepClock
    from stepbridge.timeline import QuantityLike

__all__ = ["Driven", "drive"]


def drive(scheduler: LRScheduler, clock: StepClock, every: QuantityLike = "1ep") -> Driven:
    """Returns what replaces the scheduler in the loop: call its `step()` after each batch, as often as you like.

    The scheduler's own `step()` is then called once for each multiple of `every` that the clock has crossed: several
    times after a jump, not again after a resume. A scheduler that is new to a run that goes on catches up. Where an
    epoch's length is not known before it ends, call `step()` after the loop over its batches as well.

    Args:
        scheduler: a scheduler of `torch.optim.lr_scheduler`, or one that derives from it.
        clock: the loop's clock.
        every: the unit that the scheduler was written for: "1ep", "1st", "100ba", "10%".

    Raises:
        TypeError: not a scheduler, not a clock.
        ValueError: the amount is none, or the clock has no such unit ("10%" of a run without an end).

    >>> import torch
    >>> from stepbridge import StepClock
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> clock = StepClock(batches_per_epoch=4, epochs=3)
    >>> scheduler = drive(torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5), clock, every="1ep")
    >>> for epoch in clock.epochs():
    ...     for batch in clock.batches(range(4)):
    ...         optimizer.step()
    ...         scheduler.step()
    >>> scheduler.get_last_lr()
    [0.125]
    """
    if not isinstance(scheduler, LRScheduler):
        raise TypeError(f"drive takes a torch.optim.lr_scheduler.LRScheduler, not {type(scheduler).__name__}")
    return Driven(scheduler, the_clock(clock), every)


class Driven:
    """A scheduler that the clock drives; made by `drive`."""

    def __init__(self, scheduler: LRScheduler, clock: StepClock, every: QuantityLike) -> None:
        self.scheduler = scheduler
        self.clock = clock
        self.every = as_quantity("every", every)
        # So that an amount that the clock cannot count is an error here, and not somewhere in the run.
        clock.multiples(self.every)

    def step(self, *arguments: Any) -> None:
        """Calls the scheduler's `step(*arguments)` as often as is due; not at all where nothing was crossed.

        Args:
            arguments: handed on, such as the metric of ReduceLROnPlateau.

        Warns:
            StepbridgeWarning: the scheduler was stepped by somebody else too, so that it is ahead of the clock.
        """
        due, done = self.clock.multiples(self.every), _steps_of(self.scheduler)
        if done > due:
            self.clock.warn_once(
                f"the last_epoch of {type(self.scheduler).__name__}",
                due,
                done,
                f"it is driven every {self.every}: nobody else may call its step()",
            )
        for _ in range(done, due):
            self.scheduler.step(*arguments)

    def get_last_lr(self) -> list[Any]:
        """Returns the scheduler's learning rates, one for each parameter group."""
        return self.scheduler.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """Returns the scheduler's state; there is no other."""
        return self.scheduler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Loads the scheduler's state."""
        self.scheduler.load_state_dict(state)


def _steps_of(scheduler: LRScheduler) -> int:
    parts = getattr(scheduler, "_schedulers", ())
    return _steps_of(parts[0]) if parts and not hasattr(scheduler, "last_epoch") else scheduler.last_epoch
