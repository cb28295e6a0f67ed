"""The PyTorch loop on two ranks: DistributedDataParallel and DistributedSampler, in real processes that speak gloo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler

from adapters.torch_ranks import gathered, on_ranks
from conformance.drivers.loops import play
from conformance.drivers.torch_loop import Loop

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from conformance.scenarios import Leg, Scenario
    from stepbridge.clock import Resume

__all__ = ["run_on_ranks"]


def run_on_ranks(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Plays a scenario on its workers; returns the events of rank 0, whose clock every rank agrees with."""
    first: list[dict[str, Any]] | None = None
    for events in on_ranks(_work, folder, scenario, ranks=scenario.workers):
        assert first is None or events == first, "the ranks' clocks differ"
        first = events
    assert first is not None
    return first


def _work(_rank: int, folder: Path, scenario: Scenario) -> list[dict[str, Any]]:
    return play(scenario, Rank, folder)


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
        return DataLoader(numbers, batch_size=leg.batch_size // self.scenario.workers, sampler=sampler)  # type: ignore[arg-type]

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

    def passed_here(self) -> int:
        """Returns the samples that the hook of this rank's model saw."""
        return int(self.model.passed)

    def passed(self) -> int:
        """Returns the samples that passed on all ranks."""
        return self.passed_by_all

    def copies(self) -> int:
        """Returns the samples among them that had passed in the epoch already."""
        return self.copied
