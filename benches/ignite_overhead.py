"""Measures what an attached clock costs in each batch, next to handlers of the same events that do nothing.

The events are fired as the engine fires them; what it does besides, and the training, would hide what is measured. The
hooks of the optimizer are called as PyTorch calls them after a step.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from ignite.engine import Engine, Events

from claims import CLAIMS, Measured, Share
from stepbridge import StepClock
from stepbridge.adapters.ignite import attach
from timing import once, pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BATCHES = 100_000
REPEATS = 9


def measure() -> Iterator[Measured | Share]:
    """Measure an epoch of events; every fourth batch closes a window."""
    cost, share = CLAIMS["ignite_overhead"]
    measured = pairs(partial(events, clocked), partial(events, idle), REPEATS)
    yield Measured(cost, measured, "ns a batch", 1e9 / BATCHES)
    yield Share(share, measured.our_median / BATCHES)


class Still(torch.optim.Optimizer):
    """An optimizer that has nothing to do."""

    def __init__(self) -> None:
        super().__init__([torch.zeros(1)], {})

    def step(self, closure: object = None) -> None:  # type: ignore[override]  # there is no loss to return
        """Do nothing."""


def clocked(engine: Engine, optimizer: Still) -> Callable[[], None]:
    """Attach a clock."""
    clock = StepClock(accumulate=4)
    attach(engine, clock, optimizer)

    def check() -> None:
        assert (clock.batch, clock.applied) == (BATCHES, BATCHES // 4)

    return check


def idle(engine: Engine, _optimizer: Still) -> Callable[[], None]:
    """Add handlers of the events of a batch, which do nothing."""

    def nothing() -> None:
        """Do nothing."""

    def nothing_of(_engine: Engine) -> None:
        """Do nothing."""

    engine.add_event_handler(Events.ITERATION_STARTED, nothing_of)
    engine.add_event_handler(Events.ITERATION_COMPLETED, nothing)
    return nothing


def events(make: Callable[[Engine, Still], Callable[[], None]]) -> float:
    """Return the seconds that the events of one epoch take."""
    engine, optimizer = Engine(lambda *_: None), Still()
    check = make(engine, optimizer)
    # `fire_event` is what others call; the engine itself checks less.
    state, fire = engine.state, engine._fire_event  # noqa: SLF001 - no engine need run for it
    after = optimizer._optimizer_step_post_hooks  # noqa: SLF001 - what PyTorch calls
    state.dataloader = torch.utils.data.DataLoader(range(BATCHES))  # type: ignore[arg-type]
    state.epoch_length, state.max_epochs = BATCHES, 1

    def epoch() -> None:
        for number in range(1, BATCHES + 1):
            state.iteration = number
            fire(Events.ITERATION_STARTED)
            if not number % 4:
                for hook in after.values():
                    hook(optimizer, (), {})
            fire(Events.ITERATION_COMPLETED)

    engine.fire_event(Events.STARTED)
    state.epoch = 1
    engine.fire_event(Events.EPOCH_STARTED)
    seconds = once(epoch)
    engine.fire_event(Events.EPOCH_COMPLETED)
    engine.fire_event(Events.COMPLETED)
    check()
    return seconds
