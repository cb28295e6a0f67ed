"""A PyTorch loop: DataLoader, Adam, GradScaler, torch.save. A hook of the model's forward pass counts the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, IterableDataset, Subset, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

from conformance.drivers.loops import Trainer, play
from stepbridge.adapters.torch import clock_for, watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from conformance.scenarios import Leg, Scenario
    from stepbridge.clock import Resume

__all__ = ["run"]


def run(scenario: Scenario, folder: Path) -> list[dict[str, Any]]:
    """Plays a scenario; returns its events."""
    if max(map(scenario.workers_of, scenario.legs)) > 1:
        from conformance.drivers.torch_ranks import run_on_ranks  # noqa: PLC0415 - it starts processes

        return run_on_ranks(scenario, folder)
    return play(scenario, Loop, folder)


class Stream(IterableDataset[torch.Tensor]):
    """Data of which nobody knows how much there is."""

    def __init__(self, data: torch.Tensor) -> None:
        self.data = data

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(self.data)


class Model(torch.nn.Module):
    """One weight, whose gradient is the mean of the samples; it counts what passes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.zeros_(self.layer.weight)
        self.passed: torch.Tensor
        self.register_buffer("passed", torch.tensor(0))
        self.register_forward_pre_hook(self._count)

    def _count(self, _module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self.passed += len(inputs[0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the loss."""
        loss: torch.Tensor = self.layer(x).mean()
        return loss


class Loop(Trainer):
    """The objects of a PyTorch training."""

    def __init__(self, scenario: Scenario, leg: Leg) -> None:
        super().__init__(scenario, leg)
        data = torch.ones(scenario.samples, 1)
        data[list(scenario.overflows)] = torch.inf
        self.data = TensorDataset(data)
        self.model = Model()
        self.network = self.wrapped()
        # With a gradient that is always 1, each of Adam's updates moves the weight by its learning rate.
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1.0)
        self.scaler = torch.amp.GradScaler("cpu", enabled=bool(scenario.overflows))
        sizes = {} if scenario.known else {"batch_size": leg.batch_size}
        # Two calls with other batches in the second one: the run's end is open until then.
        bounded = scenario.legs[-1].epochs == leg.epochs
        self.data_loader = self.make_loader(leg, 0)
        self.clock = clock_for(
            self.data_loader,
            epochs=leg.epochs if bounded else None,
            accumulate=scenario.accumulation(leg),
            boundary=scenario.boundary,
            on_cut=scenario.on_cut,
            **sizes,
        )
        watch(self.clock, self.optimizer, self.scaler)
        self.other = torch.nn.Parameter(torch.zeros(1))
        self.second = torch.optim.SGD([self.other], lr=1.0)
        if scenario.optimizers == 2:
            watch(self.clock, self.second)

    def wrapped(self) -> torch.nn.Module:
        """Returns what the batches are given to."""
        return self.model

    def make_loader(self, leg: Leg, done: int) -> DataLoader[Any]:
        """Returns a loader over the data, or over the rest of it."""
        if not self.scenario.known:
            return DataLoader(Stream(self.data.tensors[0]), batch_size=leg.batch_size)
        if done:
            return DataLoader(Subset(self.data, range(done, len(self.data))), batch_size=leg.batch_size)
        loader: DataLoader[Any] = StatefulDataLoader(self.data, batch_size=leg.batch_size)
        return loader

    def loader(self, leg: Leg, done: int) -> tuple[Iterable[Any], Resume | None]:
        """Returns the loader; one that was restored goes on by itself."""
        first = self.scenario.legs[0].batch_size
        if done and leg.batch_size != first:
            return self.make_loader(leg, done), "continues"
        if leg.begins == "again" and leg.batch_size != self.data_loader.batch_size:
            self.data_loader = self.make_loader(leg, 0)
        return self.data_loader, None

    def forward(self, batches: list[Any]) -> None:
        """Passes a batch, forward and backward."""
        (batch,) = batches
        x = batch[0] if isinstance(batch, (list, tuple)) else batch
        self.scaler.scale(self.network(x)).backward()

    def update(self, pending: int) -> None:
        """Steps with the mean gradient, if it is finite."""
        for parameter in self.model.parameters():
            assert parameter.grad is not None
            parameter.grad /= pending
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        if self.scenario.optimizers == 2:
            self.other.sum().backward()
            self.second.step()
            self.second.zero_grad()
            assert self.clock.updates_of("optimizer2") == -self.other.item()

    def drop(self) -> None:
        """Throws the gradient away."""
        self.optimizer.zero_grad()

    def passed(self) -> int:
        """Returns the samples that the hook saw."""
        return int(self.model.passed)

    def moved(self) -> float:
        """Returns how far the weight went down."""
        return -self.model.layer.weight.item()

    def own(self) -> dict[str, dict[str, int]]:
        """Returns Adam's own count of updates."""
        state = self.optimizer.state.get(self.model.layer.weight, {})
        return {"pytorch_one_based": {"step": int(state.get("step", 0))}}

    def evaluate(self) -> None:
        """Passes other data, with the model's own count put back: it is of training."""
        passed = self.passed()
        with torch.no_grad():
            for batch in DataLoader(TensorDataset(torch.ones(5, 1)), batch_size=2):
                self.network(*batch)
        self.model.passed.fill_(passed)

    def save(self, folder: Path) -> None:
        """Saves everything in one file."""
        stateful = isinstance(self.data_loader, StatefulDataLoader)
        parts = ("model", "optimizer", "scaler", "clock", *(["data_loader"] if stateful else []))
        torch.save({part: getattr(self, part).state_dict() for part in parts}, folder / "checkpoint.pt")

    def load(self, folder: Path) -> None:
        """Loads it, data only; the loader's state goes with batches of the same size."""
        state = torch.load(folder / "checkpoint.pt", weights_only=True)
        for part in ("model", "optimizer", "scaler"):
            getattr(self, part).load_state_dict(state[part])
        self.clock.load_state_dict(state["clock"], pending="carry")
        legs = self.scenario.legs
        if self.scenario.resumes_inside and legs[0].batch_size == legs[-1].batch_size:
            assert isinstance(self.data_loader, StatefulDataLoader)
            self.data_loader.load_state_dict(state["data_loader"])
