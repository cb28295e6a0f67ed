"""A learning rate in any unit, for the Trainer.

What the Trainer does (seen on 4.46 to 5.24): the scheduler of `optimizers=(optimizer, scheduler)` is made before the
Trainer knows its data, and stepped after each update that was not skipped. It is saved and loaded like its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepbridge._errors import TimelineError
from stepbridge.adapters import torch as on_torch
from stepbridge.adapters.transformers.callback import ClockCallback

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch.optim import Optimizer

    from stepbridge.adapters.base import Shape
    from stepbridge.timeline import QuantityLike

__all__ = ["ClockLR"]


class ClockLR(on_torch.ClockLR):
    """A rate that goes from point to point, each in its own unit; see `stepbridge.adapters.torch.ClockLR`.

    It begins to follow the clock when training begins, as nobody knows the length of an epoch before.

    Args:
        optimizer: the optimizer that the Trainer is given with it.
        counting: the callback that the Trainer is given.
        phases: `(end, factor, shape)` each.
        start: the factor at the start of the run.

    Raises:
        TypeError: not a ClockCallback, or an end without a unit.
        ValueError: an unknown shape, or no phase.
        TimelineError: when training begins: an end in "%" where the Trainer ends inside an epoch.
    """

    _given = (*on_torch.ClockLR._given, "counting")

    def __init__(
        self,
        optimizer: Optimizer,
        counting: ClockCallback,
        phases: Sequence[tuple[QuantityLike, float, Shape]],
        *,
        start: float = 1.0,
    ) -> None:
        if not isinstance(counting, ClockCallback):
            raise TypeError(f"ClockLR takes the ClockCallback that the Trainer is given, not {type(counting).__name__}")
        self.counting = counting
        super().__init__(optimizer, counting.clock, phases, start=start)
        counting.follow(self)

    def begin(self, *, ends_inside: bool) -> None:
        """Training begins: the rates are those of where the clock is."""
        if ends_inside and any(end.unit == "dur" for end in self.phases.ends):
            raise TimelineError(
                "ClockLR has an end in %, but the Trainer ends inside an epoch, before 100%: give the end in steps, as "
                "max_steps is"
            )
        self.step()

    def _factors_now(self) -> list[float]:
        if not self.counting.begun:
            return [self.phases.start] * len(self.optimizer.param_groups)
        return super()._factors_now()
