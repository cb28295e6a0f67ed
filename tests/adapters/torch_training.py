"""A small training that can be stopped and resumed; it takes down which samples really passed through the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from adapters.torch_datasets import Indices
from stepbridge.adapters.torch import watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import stepbridge as sb


def seeded(length: int, batch_size: int, epoch: int = 0, **options: Any) -> DataLoader[int]:
    """A shuffled loader whose order is that of the epoch, in every process."""
    generator = torch.Generator().manual_seed(epoch)
    return DataLoader(Indices(length), batch_size, shuffle=True, generator=generator, **options)


class Training:
    """A model, its optimizer and a clock. `passed`: each batch's samples; `updates`: how often a weight changed."""

    def __init__(self, clock: sb.StepClock) -> None:
        self.clock = clock
        self.model = torch.nn.Linear(1, 1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.5)
        watch(clock, self.optimizer, name="sgd")
        self.passed: list[list[int]] = []
        self.updates = 0

    def batch(self, indices: torch.Tensor) -> None:
        """Does what a loop's body does."""
        self.passed.append(indices.tolist())
        self.model(indices.float().unsqueeze(1) + 1).square().mean().backward()
        if self.clock.closes_step:
            before = self.model.weight.detach().clone()
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.updates += not torch.equal(before, self.model.weight)

    def run(self, loader: Callable[[int], Any], *, stop: int | None = None, **options: Any) -> Training:
        """Trains to the end, or until so many batches are done in all."""
        for epoch in self.clock.epochs():
            for indices in self.clock.batches(loader(epoch), **options):
                self.batch(indices)
                if self.clock.batch == stop:
                    return self
        return self

    def save(self, path: Path, **more: Any) -> None:
        """Saves everything in one file."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "clock": self.clock.state_dict(),
        }
        torch.save(state | more, path)

    def load(self, path: Path, **options: Any) -> dict[str, Any]:
        """Loads it as anybody should: nothing but data is unpickled."""
        state: dict[str, Any] = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.clock.load_state_dict(state["clock"], **options)
        return state
