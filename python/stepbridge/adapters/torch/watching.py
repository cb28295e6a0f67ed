"""Counts the updates that really happen, by the optimizer's own hooks.

What PyTorch does (seen on 2.15):

- `Optimizer.step` runs its post hooks once a call, however often a closure is evaluated inside (LBFGS), and also where
  a learning rate scheduler has wrapped `step`.
- `GradScaler.step` calls `optimizer.step` only where every gradient is finite; else nothing is called, no hook either.
- An optimizer with `_step_supports_amp_scaling` (the fused Adam, AdamW, SGD, Adagrad) is always called. While it is,
  its `found_inf` says whether the kernel left the parameters alone (not 0). Reading it waits for the device, as
  `GradScaler.step` does for every other optimizer.
- The older form of that contract passes `grad_scaler=` to `step`; there the scaler knows.
- A disabled scaler calls `optimizer.step`.
- `torch.distributed.checkpoint` fills an empty optimizer's state by `step(closure=None)` with every rate at 0 and zero
  gradients, at a load and at each save of an optimizer that keeps no state: no update.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from torch.optim import Optimizer

from stepbridge.adapters import base
from stepbridge.adapters.base import the_clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from stepbridge.clock import StepClock

    class Scaler(Protocol):
        """A `torch.amp.GradScaler`, or an object that acts as one."""

        def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> float | None: ...


__all__ = ["Watch", "watch"]


def watch(clock: StepClock, optimizer: Optimizer, scaler: Scaler | None = None, name: str | None = None) -> Watch:
    """Counts the optimizer's real updates on the clock: `clock.applied`, and `clock.updates_of(name)` for this one.

    An update where the clock's accumulation window is open, and a closed window without one, is reported once.

    Args:
        clock: the loop's clock.
        optimizer: any `torch.optim.Optimizer`, also one that Accelerate prepared.
        scaler: the `GradScaler` that calls `optimizer.step`. With it a skipped update is known at once, without it by
            the next batch.
        name: what this optimizer is called; "optimizer" by default, then "optimizer2", "optimizer3". Its count is
            saved with the clock under this name.

    Returns:
        A handle: `applied` is its count, `remove()` ends the watch; it is a context manager too.

    Raises:
        TypeError: not a clock, not an optimizer, not a scaler.
        ValueError: the clock watches this optimizer already, or another one by this name.

    >>> import torch
    >>> from stepbridge import StepClock
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> optimizer = torch.optim.SGD([weight], lr=0.1)
    >>> clock = StepClock(batches_per_epoch=4, epochs=1, accumulate=2)
    >>> with watch(clock, optimizer) as watched:
    ...     for epoch in clock.epochs():
    ...         for batch in clock.batches(range(4)):
    ...             weight.sum().backward()
    ...             if clock.closes_step:
    ...                 optimizer.step()
    >>> watched.applied, clock.applied, clock.step
    (2, 2, 2)
    """
    the_clock(clock)
    inner = getattr(optimizer, "optimizer", None)
    if isinstance(inner, Optimizer) and not hasattr(optimizer, "_optimizer_step_post_hooks"):
        # Accelerate's wrapper calls itself an Optimizer, and has no hooks of its own.
        optimizer = inner
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"watch takes a torch.optim.Optimizer, not {type(optimizer).__name__}: "
            "give the one inside, where this is a wrapper"
        )
    if scaler is not None and not callable(getattr(scaler, "step", None)):
        raise TypeError(f"scaler must be a GradScaler (something with a step method), not {type(scaler).__name__}")
    return Watch(clock, optimizer, scaler, name)


class Watch(base.Watch):
    """An optimizer that is watched; made by `watch`."""

    def __init__(self, clock: StepClock, optimizer: Optimizer, scaler: Scaler | None, name: str | None) -> None:
        super().__init__(clock, optimizer, name)
        self._calls = 0
        self._count = self.updates.count
        self._handle = optimizer.register_step_post_hook(self._after_step)
        self._scaling = None if scaler is None else _scaling(scaler)
        if self._scaling is not None:
            self._scaling.watched.add(self)

    def remove(self) -> None:
        """Ends the watch; the counts stay. A second call does nothing."""
        self._handle.remove()
        super().remove()
        if self._scaling is not None:
            self._scaling.forget(self)
            self._scaling = None

    def _after_step(self, optimizer: Optimizer, _args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._calls += 1
        if not kwargs and "found_inf" not in optimizer.__dict__:
            self._count()  # the usual case
        elif kwargs and _only_fills_the_state(optimizer, kwargs):
            return
        elif _left_out(optimizer, kwargs):
            self.updates.skip()
        else:
            self.updates.count()


def _only_fills_the_state(optimizer: Optimizer, kwargs: dict[str, Any]) -> bool:
    """Whether torch.distributed.checkpoint called: a loop does not spell out that it has no closure, at rates of 0."""
    return kwargs.get("closure", ...) is None and all(group.get("lr") == 0 for group in optimizer.param_groups)


def _left_out(optimizer: Optimizer, kwargs: dict[str, Any]) -> bool:
    """Whether the step that just ran left the parameters alone, as a scaler told it to."""
    found = getattr(optimizer, "found_inf", None)
    if found is not None:
        return bool(found.item())
    scaler = kwargs.get("grad_scaler")
    if scaler is None:
        return False
    return any(found.item() for found in scaler._found_inf_per_device(optimizer).values())


class _Scaling:
    """Stands before a scaler's `step`, as a scheduler does before an optimizer's: what calls no hook is seen here."""

    def __init__(self, scaler: Scaler) -> None:
        self._scaler = scaler
        self._step: Callable[..., float | None] = scaler.step
        self.watched: WeakSet[Watch] = WeakSet()

    def __call__(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> float | None:
        watched = [(one, one._calls) for one in self.watched if one.optimizer is optimizer]
        result = self._step(optimizer, *args, **kwargs)
        for one, calls in watched:
            if one._calls == calls:
                one.updates.skip()
        return result

    def forget(self, watched: Watch) -> None:
        self.watched.discard(watched)
        if not self.watched and vars(self._scaler).get("step") is self:
            del self._scaler.step


def _scaling(scaler: Scaler) -> _Scaling:
    """The one that stands before this scaler already, or a new one."""
    present = vars(scaler).get("step")
    if isinstance(present, _Scaling):
        return present
    scaling = _Scaling(scaler)
    scaler.step = scaling  # type: ignore[method-assign]
    return scaling
