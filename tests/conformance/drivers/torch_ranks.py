"""The PyTorch loop on two ranks: DistributedDataParallel and DistributedSampler, in real processes that speak gloo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler

from conformance.drivers.loops import play_legs
from conformance.drivers.ranks import gathered, over_ranks
from conformance.drivers.torch_loop import Loop

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from conformance.scenarios import Leg, Scenario
    from stepbridge.clock import Resume

__all__ = ["run_on_ranks"]


def run_on_ranks(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Plays a scenario on its workers; returns the events that the clock of every rank agrees with."""
    return over_ranks(_legs, scenario, folder)


def _legs(scenario: Scenario, folder: Path, legs: list[Leg], kept: dict[str, Any] | None) -> dict[str, Any]:
    return play_legs(Rank if scenario.workers_of(legs[0]) > 1 else Loop, scenario, folder, legs, kept)


class Rank(Loop):
    """One rank's share; what passed is what passed on all of them."""

    def __init__(self, scenario: Scenario, leg: Leg) -> None:
        self.passed_by_all = self.copied = 0
        self.in_epoch: set[int] = set()
        super().__init__(scenario, leg)

    def wrapped(self) -> torch.nn.Module:
        """Returns the model with its gradients shared."""
        return DistributedDataParallel(self.model)

    def make_loader(self, leg: Leg, done: int) -> DataLoader[Any]:
        """Returns a loader over this rank's share of the samples' numbers."""
        numbers = range(self.scenario.samples)
        sampler: DistributedSampler[int] = DistributedSampler(numbers, shuffle=False)  # type: ignore[arg-type]
        return DataLoader(numbers, batch_size=leg.batch_size // self.scenario.workers_of(leg), sampler=sampler)  # type: ignore[arg-type]

    def loader(self, leg: Leg, done: int) -> tuple[Iterable[Any], Resume | None]:
        """Returns the loader for another epoch."""
        self.in_epoch = set()
        return self.data_loader, None

    def forward(self, batches: list[Any]) -> None:
        """Passes this rank's share of a batch; has everybody know which samples it held."""
        (numbers,) = batches
        before = self.passed_here()
        super().forward([torch.ones(len(numbers), 1)])
        for passed, held in gathered((self.passed_here() - before, numbers.tolist())):
            assert passed == len(held)
            self.passed_by_all += passed
            for number in held:
                self.copied += number in self.in_epoch
                self.in_epoch.add(number)

    def save(self, folder: Path) -> None:
        """Saves on one rank; the model's count is that of all."""
        self.model.passed.fill_(self.passed_by_all)
        if distributed.get_rank() == 0:
            super().save(folder)
        distributed.barrier()

    def passed_here(self) -> int:
        """Returns the samples that the hook of this rank's model saw."""
        return int(self.model.passed)

    def passed(self) -> int:
        """Returns the samples that passed on all ranks."""
        return self.passed_by_all

    def copies(self) -> int:
        """Returns the samples among them that had passed in the epoch already."""
        return self.copied
