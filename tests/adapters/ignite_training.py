"""An engine over 20 samples in batches of 3, which notes what was served, trained and updated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from ignite.engine import Engine, Events, create_supervised_trainer
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import stepbridge as sb
from stepbridge.adapters.ignite import attach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepbridge.adapters.ignite import Attachment

__all__ = ["DATA", "Loop", "Model", "Stream"]

DATA = TensorDataset(torch.arange(20.0).reshape(20, 1), torch.zeros(20, 1))


class Stream(IterableDataset[tuple[torch.Tensor, torch.Tensor]]):
    """The samples without a length."""

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return ((torch.tensor([float(index)]), torch.zeros(1)) for index in range(20))


class Model(torch.nn.Module):
    """One weight, and the samples that passed."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.trained: list[list[int]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the weight for each sample."""
        self.trained.append([int(value) for value in x[:, 0]])
        return self.weight.expand(len(x), 1)


@dataclass
class Loop:
    """An engine that is set up with its clock: `run` trains it."""

    engine: Engine
    model: Model
    optimizer: torch.optim.Optimizer
    loader: Any
    clock: sb.StepClock
    counting: Attachment
    updates: list[int] = field(default_factory=list)
    samples: list[int | None] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    done_in_epoch: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def made(
        cls,
        *,
        accumulate: int = 3,
        batch_size: int = 3,
        data: Any = DATA,
        loader: Any = DataLoader,
        loading: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
        **given: Any,
    ) -> Loop:
        """Sets up an engine of Ignite's own; what is given besides goes to `attach`."""
        model = Model()
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        engine = create_supervised_trainer(
            model, optimizer, lambda output, _: -output.mean(), gradient_accumulation_steps=accumulate
        )
        return cls.around(
            engine, model, optimizer, accumulate, loader(data, batch_size, **(loading or {})), options, given
        )

    @classmethod
    def around(
        cls,
        engine: Engine,
        model: Model,
        optimizer: torch.optim.Optimizer,
        accumulate: int,
        loader: Any,
        options: dict[str, Any] | None,
        given: dict[str, Any],
    ) -> Loop:
        """Attaches a clock to an engine, and notes what happens."""
        clock = sb.StepClock(accumulate=accumulate, **(options or {}))
        counting = attach(engine, clock, optimizer, **given)
        loop = cls(engine, model, optimizer, loader, clock, counting)
        optimizer.register_step_post_hook(lambda *_: loop.updates.append(len(model.trained)))
        engine.add_event_handler(Events.ITERATION_COMPLETED, loop.note)
        return loop

    def note(self) -> None:
        """Notes what the clock says after a batch."""
        self.samples.append(self.clock.sample)
        if self.clock.closes_step:
            self.closed.append(len(self.model.trained))
        self.done_in_epoch.append((self.clock.location.epoch, self.clock.location.iter))

    def run(self, epochs: int | None = 2, **options: Any) -> Loop:
        """Trains what is planned."""
        self.engine.run(self.loader, max_epochs=epochs, **options)
        return self

    @property
    def passed(self) -> list[int]:
        """The samples that were trained by the end of each batch."""
        return [sum(map(len, self.model.trained[: number + 1])) for number in range(len(self.model.trained))]

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds, as files do."""
        parts = {"trainer": self.engine, "clock": self.counting, "model": self.model, "optimizer": self.optimizer}
        if hasattr(self.loader, "state_dict"):
            parts["loader"] = self.loader
        return {name: part.state_dict() for name, part in parts.items()}

    def load(self, state: dict[str, Any], *, clock: bool = True) -> Loop:
        """Loads what a checkpoint holds."""
        parts = {"trainer": self.engine, "clock": self.counting, "model": self.model, "optimizer": self.optimizer}
        for name, part in parts.items():
            if name != "clock" or clock:
                part.load_state_dict(state[name])
        if "loader" in state and hasattr(self.loader, "load_state_dict"):
            self.loader.load_state_dict(state["loader"])
        return self

    def saved_at(self, iteration: int, **run: Any) -> dict[str, Any]:
        """Trains, and returns the state after an iteration."""
        states: list[dict[str, Any]] = []
        self.engine.add_event_handler(Events.ITERATION_COMPLETED(once=iteration), lambda: states.append(self.state()))
        self.run(**run)
        return states[0]
