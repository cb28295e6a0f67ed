"""Measures what the clock and a watched optimizer add to each batch of a PyTorch loop, next to tqdm over the same loop.

The optimizer is a real one, with a step that does nothing: what its hooks cost is in the measure, its own work is not.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import torch
from tqdm import tqdm

import stepbridge as sb
from claims import CLAIMS, Measured
from stepbridge.adapters.torch import watch
from timing import overhead, pairs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BATCHES = 100_000
REPEATS = 21


class Idle(torch.optim.Optimizer):
    """An optimizer that has nothing to do."""

    def __init__(self) -> None:
        super().__init__([torch.zeros(1)], {})

    def step(self, closure: object = None) -> None:  # type: ignore[override]  # there is no loss to return
        """Do nothing."""


def measure() -> Iterator[Measured]:
    """Measure a loop under the clock against one under tqdm, each less the bare loop."""
    (claim,) = CLAIMS["torch_overhead"]
    optimizer = Idle()
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device, not a path
        bare = partial(plain, optimizer)
        ours = partial(overhead, partial(clocked, optimizer), bare, BATCHES)
        bar = partial(overhead, partial(barred, nowhere, optimizer), bare, BATCHES)
        yield Measured(claim, pairs(ours, bar, REPEATS), "ns a batch", 1e9 / BATCHES)


def plain(optimizer: torch.optim.Optimizer, batches: Iterable[int]) -> None:
    """Run the bare loop."""
    for _ in batches:
        optimizer.step()


def barred(nowhere: object, optimizer: torch.optim.Optimizer, batches: Iterable[int]) -> None:
    """Run the loop under tqdm, which draws as it does by default, but to nowhere."""
    for _ in tqdm(batches, file=nowhere):
        optimizer.step()


def clocked(optimizer: torch.optim.Optimizer, batches: Iterable[int]) -> None:
    """Run the loop under the clock, which counts the real updates."""
    clock = sb.StepClock(batches_per_epoch=BATCHES, epochs=1)
    with watch(clock, optimizer):
        for _ in clock.epochs():
            for _ in clock.batches(batches):
                optimizer.step()
