"""Learning rate schedules whose time is the clock's, in any unit.

What PyTorch does (seen on 2.15): `LRScheduler.step` asks `get_lr` for the new rates, and the constructor calls it once.
`SequentialLR` sets the rates back when it is made, and asks for `_get_closed_form_lr` where it changes over. A
scheduler that is chained to others must multiply the rate that it finds; one on its own had better not, as that adds up
rounding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsFloat, TypeAlias

from torch.optim.lr_scheduler import LRScheduler

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import Phases, the_clock
from stepbridge.timeline import unit_symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from fractions import Fraction

    from torch import Tensor
    from torch.optim import Optimizer

    from stepbridge.adapters.base import Shape
    from stepbridge.clock import StepClock
    from stepbridge.timeline import QuantityLike, UnitLike

    #: A function of the position in some unit.
    Factor: TypeAlias = Callable[[int | Fraction], SupportsFloat]

__all__ = ["ClockLR", "ClockLambdaLR"]


class _ClockSchedule(LRScheduler):
    """Sets each group's rate to its first one times a factor that follows from the clock alone."""

    #: What is not state: it is given again when the scheduler is made again.
    _given: tuple[str, ...] = ("optimizer", "clock", "unit", "lr_lambdas", "phases")

    def __init__(self, optimizer: Optimizer, clock: StepClock) -> None:
        self.clock = the_clock(clock)
        self._factors: list[float] = []
        super().__init__(optimizer)

    def _factors_now(self) -> list[float]:
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Sets the rates that belong to where the clock is.

        Args:
            epoch: PyTorch's own, deprecated; it has no effect here.
        """
        # PyTorch warns of a first call before the first update, as what counts its calls would be one ahead. This one
        # counts none, and with accumulation the first batch brings no update.
        if self._step_count == 1:
            self._step_count += 1
        super().step(epoch)

    def _initial_step(self) -> None:
        # `SequentialLR` sets the rates back and makes this step again, and only PyTorch from 2.6 on marks it. The rates
        # that it finds are not another scheduler's.
        self._factors = []
        super()._initial_step()

    def get_lr(self) -> list[float | Tensor]:
        """Returns the rate for each group, now; called by `step()`."""
        before, rates = self._factors, self._get_closed_form_lr()
        if not before:
            return rates
        for index, (group, last) in enumerate(zip(self.optimizer.param_groups, self._last_lr, strict=True)):
            # Somebody else, such as a scheduler that this one is chained to, has had a hand in it.
            if bool(group["lr"] != last) and before[index]:
                rates[index] = group["lr"] * (self._factors[index] / before[index])
        return rates

    def _get_closed_form_lr(self) -> list[float | Tensor]:
        self._factors = self._factors_now()
        return [base * factor for base, factor in zip(self.base_lrs, self._factors, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Returns the scheduler's state: numbers and lists, without the clock, which has a state of its own."""
        return {key: value for key, value in vars(self).items() if key not in self._given}


class ClockLambdaLR(_ClockSchedule):
    """LambdaLR whose function gets the clock's position: `lr = initial lr * lr_lambda(position)`.

    Call `step()` after each batch, after each epoch, or whenever the rate should follow; as it counts nothing, a call
    too many is harmless. It works in `SequentialLR` (which does not shift its time: that is the clock's) and in
    `ChainedScheduler` (as long as its factor is not 0).

    Args:
        optimizer: the optimizer whose groups get the rates.
        clock: the loop's clock.
        lr_lambda: a function of the position in `unit`, or one for each parameter group. The position is an int, or a
            `Fraction` where the unit is "epoch" or "duration" (0 to 1) and it is not whole.
        unit: any unit.

    Raises:
        TypeError: not a clock.
        TimelineError: another number of functions than of groups; at `step()`: the clock does not know its position in
            `unit`, such as the fraction of an epoch of unknown length.

    >>> import torch
    >>> from stepbridge import StepClock
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> clock = StepClock(batches_per_epoch=4, epochs=2)
    >>> scheduler = ClockLambdaLR(optimizer, clock, lambda epoch: 1 - epoch / 2, unit="epoch")
    >>> for epoch in clock.epochs():
    ...     for batch in clock.batches(range(4)):
    ...         optimizer.step()
    ...         scheduler.step()
    ...     scheduler.get_last_lr()
    [0.5]
    [0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        clock: StepClock,
        lr_lambda: Factor | Sequence[Factor],
        *,
        unit: UnitLike = "step",
    ) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != groups:
            raise TimelineError(f"lr_lambda has {len(self.lr_lambdas)} functions for {groups} parameter groups")
        self.unit = unit_symbol(unit)
        super().__init__(optimizer, clock)

    def _factors_now(self) -> list[float]:
        position = self.clock.elapsed(self.unit)
        return [float(function(position)) for function in self.lr_lambdas]


class ClockLR(_ClockSchedule):
    """A rate that goes from point to point, each in its own unit: a warmup in steps, then a cosine over the epochs.

    The phases follow one another. In each, time is counted in the unit of its end, so that a batch size that changes
    in the middle moves no end that stands in epochs. After the last one its factor stays. See `ClockLambdaLR` for
    when to call `step()`.

    Args:
        optimizer: the optimizer whose groups get the rates.
        clock: the loop's clock.
        phases: `(end, factor, shape)` each: by `end` (from the start of the run) the rate is the initial one times
            `factor`; `shape` is how it gets there: "linear", "cosine", or "hold" (it stays, and jumps at the end).
        start: the factor at the start of the run.

    Raises:
        TypeError: not a clock, or an end without a unit.
        TimelineError: an unknown shape, no phase; at `step()`: the clock does not know its position in a phase's unit.

    >>> import torch
    >>> from stepbridge import StepClock
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> clock = StepClock(batches_per_epoch=4, epochs=3)
    >>> scheduler = ClockLR(optimizer, clock, [("4st", 1.0, "linear"), ("100%", 0.0, "cosine")], start=0.0)
    >>> rates = []
    >>> for epoch in clock.epochs():
    ...     for batch in clock.batches(range(4)):
    ...         rates.append(round(scheduler.get_last_lr()[0], 2))
    ...         optimizer.step()
    ...         scheduler.step()
    >>> rates
    [0.0, 0.25, 0.5, 0.75, 1.0, 0.96, 0.85, 0.69, 0.5, 0.31, 0.15, 0.04]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        clock: StepClock,
        phases: Sequence[tuple[QuantityLike, float, Shape]],
        *,
        start: float = 1.0,
    ) -> None:
        self.phases = Phases(phases, start=start)
        super().__init__(optimizer, clock)

    def _factors_now(self) -> list[float]:
        return [self.phases.factor(self.clock)] * len(self.optimizer.param_groups)
