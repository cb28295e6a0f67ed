"""DistributedDataParallel: when gradients are synchronised, and what a rank counts that ran out of data.

What PyTorch does (seen on 2.15):

- `model.no_sync()` leaves the reduction of gradients out of the backward passes inside; the next one outside reduces
  what was accumulated. The forward pass must be inside as well.
- Under `Join` a rank that has no more data runs the `main_hook` of every joinable once for each batch that another rank
  still does, in the order given, and in the end each `post_hook`. Its optimizer is not stepped (the last rank's model
  is broadcast to it), except one that is a joinable itself, as `ZeroRedundancyOptimizer`: that one steps in its hook.
- The first joinable does the communication, and DDP must be it where gradients are to be divided by the ranks that are
  left.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import distributed
from torch.distributed.algorithms.join import Joinable, JoinHook

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import LoopDriver, the_clock, watches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stepbridge.clock import StepClock

__all__ = ["ClockJoin", "no_sync"]

Item = TypeVar("Item")


def no_sync(clock: StepClock, model: torch.nn.Module) -> AbstractContextManager[Any]:
    """Returns a context for one batch: gradients are reduced among the ranks only where it closes a step.

    A model without a `no_sync` of its own (one process) gets a context that does nothing, so that one loop serves both.

    >>> import torch
    >>> from stepbridge import StepClock
    >>> model = torch.nn.Linear(2, 1)
    >>> clock = StepClock(batches_per_epoch=4, epochs=1, accumulate=2)
    >>> for epoch in clock.epochs():
    ...     for batch in clock.batches(torch.ones(4, 1, 2)):
    ...         with no_sync(clock, model):  # forward and backward
    ...             model(batch).sum().backward()
    """
    if the_clock(clock).closes_step:
        return nullcontext()
    context: AbstractContextManager[Any] = getattr(model, "no_sync", nullcontext)()
    return context


class ClockJoin(Joinable):
    """Lets the clock of a rank that ran out of data count the batches that the others still do.

    Put it behind the model (and before an optimizer that is a joinable) and take the batches from it: the epoch ends
    when the last rank's data does, on every rank.

        together = ClockJoin(clock)
        for epoch in clock.epochs():
            with Join([model, together]):
                for x, y in together.batches(loader):
                    ...

    Known on every rank: batches, epochs, steps, where they are. Taken for granted on a rank that ran out: that the
    others applied the updates of its watched optimizers (a scaler may have skipped one there). Not known: samples, as
    a batch holds fewer once a rank ran out. So the clock must not claim a batch size (`StepClock()`, or
    `clock_for(loader, batch_size=None, ...)`). Nor does anyone know the last batch when it comes: accumulation needs
    boundary="carry" or "drop".

    Raises:
        TimelineError: the clock has a batch size, or a short last update ("flush") that nobody would see coming.
    """

    def __init__(self, clock: StepClock, *, device: torch.device | str = "cpu", process_group: Any = None) -> None:
        super().__init__()
        self._driver = LoopDriver(clock)
        self._device = torch.device(device)
        self._process_group = process_group
        planned = clock.timeline.segments[-1]
        if planned.batch_size is not None:
            raise TimelineError(
                f"{clock.name}: with uneven inputs a batch holds fewer samples once a rank ran out, so the clock "
                f"cannot count {planned.batch_size} a batch: make it without batch_size and samples"
            )
        if planned.accumulate > 1 and planned.boundary == "flush":
            raise TimelineError(
                f"{clock.name}: with uneven inputs nobody sees the last batch coming, so a short update cannot close "
                'there: give the clock boundary="carry" or boundary="drop"'
            )

    def batches(self, loader: Iterable[Item]) -> Iterator[Item]:
        """Yields this rank's batches and counts each; the epoch goes on until `Join` ends.

        Raises:
            RuntimeError: outside `clock.epochs()`, or outside `Join`.
        """
        clock = self._driver.clock
        if not clock.in_epoch:
            raise RuntimeError(f"{clock.name}: batches() belongs inside `for epoch in clock.epochs():`")
        if not self._join_config.enable:
            raise RuntimeError(f"{clock.name}: batches() belongs inside `with Join([model, together]):`")
        for item in loader:
            self._driver.batches()
            yield item
            if self._driver.should_stop:
                return

    def join_hook(self, **_options: Any) -> JoinHook:
        """Returns what a rank does that ran out of data; called by `Join`."""
        return _CountOn(self._driver)

    @property
    def join_device(self) -> torch.device:
        """The device that `Join` communicates on, where this is its first joinable."""
        return self._device

    @property
    def join_process_group(self) -> Any:
        """The process group, which all joinables must share."""
        return distributed.group.WORLD if self._process_group is None else self._process_group


class _CountOn(JoinHook):
    def __init__(self, driver: LoopDriver) -> None:
        self._driver = driver

    def main_hook(self) -> None:
        """Another rank does one more batch."""
        clock = self._driver.clock
        self._driver.batches()
        if not clock.closes_step:
            return
        for watched in watches(clock):
            # One that joins by itself steps in its own hook, and is counted there.
            if not isinstance(watched.optimizer, Joinable):
                watched.updates.count()

    def post_hook(self, is_last_joiner: bool) -> None:  # noqa: ARG002, FBT001  # the signature is PyTorch's
        """No rank has any data left, or all of them stop here."""
        driver = self._driver
        # Where `until` is reached, which all ranks do in the same batch, an epoch that is not complete stays open.
        if not driver.should_stop or driver.clock.position.iter == 0:
            driver.end_epoch()
