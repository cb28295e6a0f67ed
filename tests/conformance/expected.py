"""The batches that a scenario must lead to, listed one by one: what a driver did is compared with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from conformance.scenarios import Scenario

__all__ = ["Batch", "batches"]


class Batch(NamedTuple):
    """A batch that passes through the model: where it is (indices from 0), its samples, whether it ends the epoch."""

    epoch: int
    iter: int
    samples: int
    last: bool
    accumulate: int
    """Batches a step when it was trained."""
    left: bool
    """Whether its epoch was left after it."""


def batches(scenario: Scenario, *, restarts: bool) -> list[Batch]:
    """Lists all batches of a scenario.

    Args:
        scenario: which.
        restarts: whether a checkpoint from inside an epoch begins that epoch again, as a further one.
    """
    passed: list[Batch] = []
    epoch = iteration = done = extra = 0
    for before, leg in zip((None, *scenario.legs), scenario.legs, strict=False):
        if done and (leg.begins == "again" or restarts):
            extra += leg.begins == "resumed"
            epoch, iteration, done = epoch + 1, 0, 0
        elif before is not None and before.saves_early and restarts:
            extra += 1
        taken = 0
        while epoch < leg.epochs + extra and taken != leg.stops:
            size = min(leg.batch_size, scenario.samples - done)
            done += size
            taken += 1
            last = done == scenario.samples
            left = taken == leg.stops and not last and scenario.legs[-1].begins == "again"
            passed.append(Batch(epoch, iteration, size, last, scenario.accumulation(leg), left))
            iteration += 1
            if last:
                epoch, iteration, done = epoch + 1, 0, 0
    return passed
