"""Measures how soon training goes on inside an epoch: `clock.rest(loader)`, and a loader that reads what is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.utils.data import DataLoader, Dataset

import stepbridge as sb
import stepbridge.adapters.torch
from claims import CLAIMS, Measured
from timing import once, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = 10_000_000
BATCH = 1000
DONE = 9000
REPEATS = 3


class Numbers(Dataset[int]):
    """Samples that cost nothing to read."""

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> int:
        return index


def measure() -> Iterator[Measured]:
    """Measure the time to the first batch of the rest."""
    speed, begin = CLAIMS["torch_rest"]
    loader = DataLoader(Numbers(), batch_size=BATCH)

    def resumed() -> sb.StepClock:
        clock = sb.StepClock(samples=SAMPLES, batch_size=BATCH, epochs=1, initial=f"{DONE}ba")
        clock.begin_epoch()
        return clock

    def ours() -> float:
        clock = resumed()
        return once(lambda: first(clock.rest(loader), 0))

    assert first(resumed().rest(loader), 0) == DONE * BATCH
    yield Measured(speed, pairs(ours, lambda: once(lambda: first(loader, DONE)), REPEATS), "ms", 1e3)
    yield Measured(begin, pairs(ours, lambda: once(lambda: None), REPEATS), "ms", 1e3)


def first(loader: DataLoader[int], skipped: int) -> int:
    """Read so many batches, and return the first sample of the next one."""
    batches = iter(loader)
    for _ in range(skipped):
        next(batches)
    return int(next(batches)[0])
