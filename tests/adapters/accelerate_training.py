"""A loop with Accelerate over 20 samples in batches of 3, which notes what was served, trained and updated."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

import stepbridge as sb
from stepbridge.adapters.accelerate import clock_for, watch

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Loop", "Stream", "warned"]


@contextmanager
def warned() -> Iterator[list[warnings.WarningMessage]]:
    """Collects what is warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", sb.StepbridgeWarning)
        yield caught


class Stream(torch.utils.data.IterableDataset[torch.Tensor]):
    """The samples without a length."""

    def __init__(self, samples: int = 20) -> None:
        self.samples = samples

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (torch.tensor([float(index)]) for index in range(self.samples))


@dataclass
class Loop:
    """A loop that is set up: `run` trains it."""

    accelerator: Accelerator
    model: Any
    optimizer: Any
    loader: Any
    clock: sb.StepClock
    trained: list[list[int]] = field(default_factory=list)
    synced: list[bool] = field(default_factory=list)
    closed: list[bool] = field(default_factory=list)
    samples: list[int | None] = field(default_factory=list)
    updates: list[int] = field(default_factory=list)

    @classmethod
    def made(
        cls,
        *,
        accumulate: int = 3,
        batch_size: int = 3,
        epochs: int = 2,
        data: Any = None,
        options: dict[str, Any] | None = None,
        **given: Any,
    ) -> Loop:
        """Sets up a loop; what is given besides goes to the accelerator."""
        AcceleratorState._reset_state(reset_partial_state=False)
        accelerator = Accelerator(
            cpu=True,
            **({"gradient_accumulation_steps": accumulate} if "gradient_accumulation_plugin" not in given else {}),
            **given,
        )
        data = torch.arange(20.0).reshape(20, 1) if data is None else data
        model = torch.nn.Linear(1, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        inner = optimizer
        model, optimizer, loader = accelerator.prepare(
            model, optimizer, torch.utils.data.DataLoader(data, batch_size=batch_size)
        )
        clock = clock_for(accelerator, loader, epochs=epochs, **(options or {}))
        loop = cls(accelerator, model, optimizer, loader, clock)
        watch(clock, optimizer)
        inner.register_step_post_hook(lambda *_: loop.updates.append(len(loop.trained)))
        return loop

    def batch(self, batch: torch.Tensor) -> None:
        """Trains one batch."""
        self.trained.append([int(value) for value in batch[:, 0]])
        with self.accelerator.accumulate(self.model):
            self.accelerator.backward(self.model(batch / 20).mean())
            self.optimizer.step()
            self.optimizer.zero_grad()
        self.synced.append(self.accelerator.sync_gradients)
        self.closed.append(self.clock.closes_step)
        self.samples.append(self.clock.sample)

    def run(self, **options: Any) -> Loop:
        """Trains what is planned."""
        for _ in self.clock.epochs():
            for batch in self.clock.batches(self.loader, **options):
                self.batch(batch)
        return self
