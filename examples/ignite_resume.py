"""Trains with Ignite, saves in the middle of an epoch, and resumes with a plain loader and with one that goes on."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from ignite.engine import Events, create_supervised_trainer
from torch.utils.data import DataLoader, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

from stepbridge import StepClock
from stepbridge.adapters.ignite import attach, every

DATA = TensorDataset(torch.arange(20.0).reshape(20, 1) / 20, torch.zeros(20, 1))


def train(loader: Any, state: dict[str, Any] | None = None) -> tuple[StepClock, list[dict[str, Any]]]:
    """Trains two epochs, or what is left of them; returns the clock and a state from each 29 samples."""
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = create_supervised_trainer(model, optimizer, torch.nn.MSELoss())
    clock = StepClock()
    parts = {"trainer": trainer, "clock": attach(trainer, clock, optimizer)}
    if isinstance(loader, StatefulDataLoader):
        parts["loader"] = loader
    states = []
    trainer.add_event_handler(
        Events.ITERATION_COMPLETED(event_filter=every(clock, "29sp")),
        lambda: states.append({name: part.state_dict() for name, part in parts.items()}),
    )
    for name, part in parts.items():
        if state is not None:
            part.load_state_dict(state[name])
    trainer.run(loader, max_epochs=2)
    return clock, states


states = train(DataLoader(DATA, batch_size=3))[1]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    clock = train(DataLoader(DATA, batch_size=3), states[0])[0]
print(*(one.message for one in caught if "Ignite resumes" in str(one.message)))
print(f"plain: sample {clock.sample}, trained again {clock.repeated}, never {clock.left_out}")

saved = train(StatefulDataLoader(DATA, batch_size=3))[1]
clock = train(StatefulDataLoader(DATA, batch_size=3), saved[0])[0]
print(f"stateful: sample {clock.sample}, trained again {clock.repeated}, never {clock.left_out}")
