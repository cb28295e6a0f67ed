"""A loop with Accelerate: prepared objects, accumulate(), save_state. The model notes the samples that pass."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.state import AcceleratorState
from accelerate.utils import GradientAccumulationPlugin
from torch import distributed
from torch.utils.data import DataLoader, IterableDataset, Subset, TensorDataset

from conformance.drivers.loops import Trainer, play
from stepbridge.adapters.accelerate import clock_for, watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from conformance.scenarios import Leg, Scenario
    from stepbridge.clock import Resume

__all__ = ["run"]


def run(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Plays a scenario; returns its events."""
    if scenario.workers == 1:
        return play(scenario, Loop, folder)
    from adapters.torch_ranks import on_ranks  # noqa: PLC0415 - it starts processes

    first, *others = on_ranks(_on_rank, folder, scenario, ranks=scenario.workers)
    assert all(events == first for events in others), "the ranks' clocks differ"
    events: list[dict[str, Any]] = first
    return events


def _on_rank(_rank: int, folder: Path, scenario: Scenario) -> list[dict[str, Any]]:
    # Accelerate asks for them, although the ranks have met already.
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29500", LOCAL_WORLD_SIZE=os.environ["WORLD_SIZE"])
    return play(scenario, Loop, folder)


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
        plugin = GradientAccumulationPlugin(num_steps=scenario.accumulate, sync_with_dataloader=flushes)
        self.accelerator = Accelerator(cpu=True, gradient_accumulation_plugin=plugin)
        self.model = Model()
        unit = Unit(self.model.parameters(), lr=1.0)
        self.network, self.optimizer = self.accelerator.prepare(self.model, unit)
        if scenario.overflows:
            # Accelerate has a scaler on devices alone.
            self.optimizer = AcceleratedOptimizer(unit, scaler=torch.amp.GradScaler("cpu", init_scale=1.0))
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

    def make_loader(self, leg: Leg, done: int) -> Any:
        """Returns a prepared loader over the samples' numbers, or over the rest of them."""
        samples, size = self.scenario.samples, leg.batch_size // self.scenario.workers
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
        self.completed_steps += self.accelerator.sync_gradients
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

    def save(self, folder: Path) -> None:
        """Saves as Accelerate does; what the script counts goes next to it."""
        self.accelerator.save_state(str(folder / "state"))
        (folder / "script.json").write_text(json.dumps([self.passed_by_all, self.completed_steps, [*self.in_epoch]]))

    def load(self, folder: Path) -> None:
        """Loads it again."""
        self.accelerator.load_state(str(folder / "state"))
        self.passed_by_all, self.completed_steps, passed = json.loads((folder / "script.json").read_text())
        self.in_epoch = set(passed)


def gathered(thing: list[int]) -> list[list[int]]:
    """Returns everybody's samples."""
    if not distributed.is_initialized():
        return [thing]
    things: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(things, thing)
    return things
