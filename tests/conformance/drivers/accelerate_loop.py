"""A loop with Accelerate: prepared objects, accumulate(), save_state. The model notes the samples that pass."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.state import AcceleratorState
from accelerate.utils import GradientAccumulationPlugin
from torch.utils.data import DataLoader, IterableDataset, Subset, TensorDataset

from conformance.drivers.loops import Trainer, play_legs
from conformance.drivers.ranks import gathered, over_ranks
from stepbridge.adapters.accelerate import clock_for, watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from conformance.scenarios import Leg, Scenario
    from stepbridge.clock import Resume

__all__ = ["run"]


def run(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Plays a scenario; returns its events."""
    return over_ranks(_legs, scenario, folder)


def _legs(scenario: Scenario, folder: Path, legs: list[Leg], kept: dict[str, Any] | None) -> dict[str, Any]:
    return play_legs(Loop, scenario, folder, legs, kept)


class Stream(IterableDataset[tuple[torch.Tensor]]):
    """The numbers of the samples, without a length."""

    def __init__(self, samples: int) -> None:
        self.samples = samples

    def __iter__(self) -> Iterator[tuple[torch.Tensor]]:
        return ((torch.tensor([float(number)]),) for number in range(self.samples))


class Unit(torch.optim.SGD):
    """Moves the weight by 1, whatever the gradient's size: Accelerate divides that of a short window."""

    def step(self, closure: Any = None) -> Any:
        with torch.no_grad():
            for group in self.param_groups:
                for weight in group["params"]:
                    weight.sub_(weight.grad.sign())


class Model(torch.nn.Module):
    """One weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, ones: torch.Tensor) -> torch.Tensor:
        """Returns the loss."""
        return (self.weight * ones).mean()


class Loop(Trainer):
    """The objects of a training with Accelerate."""

    def __init__(self, scenario: Scenario, leg: Leg) -> None:
        super().__init__(scenario, leg)
        AcceleratorState._reset_state(reset_partial_state=False)
        flushes = scenario.boundary == "flush"
        plugin = GradientAccumulationPlugin(num_steps=scenario.accumulation(leg), sync_with_dataloader=flushes)
        self.accelerator = Accelerator(cpu=True, gradient_accumulation_plugin=plugin)
        self.model = Model()
        unit = Unit(self.model.parameters(), lr=1.0)
        self.network, self.optimizer = self.accelerator.prepare(self.model, unit)
        if scenario.overflows:
            # Accelerate has a scaler on devices alone.
            self.optimizer = AcceleratedOptimizer(unit, scaler=torch.amp.GradScaler("cpu", init_scale=1.0))
        self.other = torch.nn.Parameter(torch.zeros(1))
        self.second = self.accelerator.prepare(torch.optim.SGD([self.other], lr=1.0))
        self.passed_by_all = self.copied = self.completed_steps = 0
        self.in_epoch: set[int] = set()
        self.size = leg.batch_size
        self.data_loader = self.make_loader(leg, 0)
        sizes = {} if scenario.known else {"batch_size": leg.batch_size}
        self.clock = clock_for(
            self.accelerator,
            self.data_loader,
            # Two calls with other batches in the second one: the run's end is open until then.
            epochs=leg.epochs if scenario.legs[-1].epochs == leg.epochs else None,
            mismatch="raise",
            **sizes,
        )
        watch(self.clock, self.optimizer)
        if scenario.optimizers == 2:
            watch(self.clock, self.second)

    def make_loader(self, leg: Leg, done: int) -> Any:
        """Returns a prepared loader over the samples' numbers, or over the rest of them."""
        samples, size = self.scenario.samples, leg.batch_size // self.scenario.workers_of(leg)
        data: Any = Stream(samples)
        if self.scenario.known:
            data = Subset(TensorDataset(torch.arange(float(samples)).reshape(-1, 1)), range(done, samples))
        return self.accelerator.prepare(DataLoader(data, batch_size=size))

    def loader(self, leg: Leg, done: int) -> tuple[Iterable[Any], Resume | None]:
        """Returns the loader; what is done is left out, unless the rest comes in batches of another size."""
        if not done:
            self.in_epoch = set()
        if done and leg.batch_size != self.scenario.legs[0].batch_size:
            return self.make_loader(leg, done), "continues"
        if leg.batch_size != self.size:
            self.size, self.data_loader = leg.batch_size, self.make_loader(leg, 0)
        return self.data_loader, "skip"

    def forward(self, batches: list[Any]) -> None:
        """Passes a batch; Accelerate decides whether it brings an update."""
        ((numbers,),) = batches
        held = [int(number) for number in numbers[:, 0]]
        ones = torch.ones(len(held), 1)
        if set(held) & set(self.scenario.overflows):
            ones[0] = torch.inf
        with self.accelerator.accumulate(self.network):
            loss, scaler = self.network(ones), self.optimizer.scaler
            if scaler is None:
                self.accelerator.backward(loss)
            else:
                scaler.scale(loss).backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            if self.scenario.optimizers == 2:
                self.accelerator.backward(self.other.sum())
                self.second.step()
                self.second.zero_grad()
        self.completed_steps += self.accelerator.sync_gradients
        if self.scenario.optimizers == 2:
            assert self.clock.updates_of("optimizer2") == -self.other.item()
        for passed in gathered(held):
            self.passed_by_all += len(passed)
            for number in passed:
                self.copied += number in self.in_epoch
                self.in_epoch.add(number)

    def update(self, pending: int) -> None:
        """Accelerate did it."""

    def drop(self) -> None:
        """Accelerate drops nothing."""

    def passed(self) -> int:
        """Returns the samples that passed on all ranks."""
        return self.passed_by_all

    def copies(self) -> int:
        """Returns the samples among them that had passed in the epoch already."""
        return self.copied

    def moved(self) -> float:
        """Returns how far the weight went down."""
        return -float(self.model.weight.detach())

    def own(self) -> dict[str, dict[str, int]]:
        """Returns the counter that Accelerate's own scripts keep."""
        return {"accelerate": {"completed_steps": self.completed_steps}}

    def evaluate(self) -> None:
        """Passes other data from a prepared loader of its own."""
        with torch.no_grad():
            for (ones,) in self.accelerator.prepare(DataLoader(TensorDataset(torch.ones(5, 1)), batch_size=2)):
                self.network(ones)

    def save(self, folder: Path) -> None:
        """Saves as Accelerate does; what the script counts goes next to it."""
        self.accelerator.save_state(str(folder / "state"))
        if self.accelerator.is_main_process:
            counted = [self.passed_by_all, self.copied, self.completed_steps, [*self.in_epoch]]
            (folder / "script.json").write_text(json.dumps(counted))
        self.accelerator.wait_for_everyone()

    def load(self, folder: Path) -> None:
        """Loads it again."""
        self.accelerator.load_state(str(folder / "state"))
        self.passed_by_all, self.copied, self.completed_steps, passed = json.loads((folder / "script.json").read_text())
        self.in_epoch = set(passed)
