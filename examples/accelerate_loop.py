"""Trains with Accelerate, saves in the middle of an epoch, and goes on with another batch size at the exact sample."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator

from stepbridge.adapters.accelerate import clock_for, watch

if TYPE_CHECKING:
    from stepbridge import StepClock

DATA: Any = torch.arange(120.0).reshape(120, 1)


def train(batch_size: int, folder: str, *, resumed: bool) -> StepClock:
    """Trains two epochs; the first call ends in the middle of the second one."""
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    plain = torch.nn.Linear(1, 1)
    model, optimizer, loader = accelerator.prepare(
        plain, torch.optim.SGD(plain.parameters(), lr=0.1), torch.utils.data.DataLoader(DATA, batch_size=batch_size)
    )
    clock = clock_for(accelerator, loader, epochs=2)
    watch(clock, optimizer)
    if resumed:
        accelerator.load_state(folder)
    for _ in clock.epochs():
        for batch in clock.batches(loader, resume="skip"):
            with accelerator.accumulate(model):
                accelerator.backward(model(batch / 120).mean())
                optimizer.step()
                optimizer.zero_grad()
            if not resumed and clock.at("180sp"):
                accelerator.save_state(folder)
                return clock
    return clock


with tempfile.TemporaryDirectory() as folder:
    first = train(10, folder, resumed=False)
    print(f"saved after batch {first.batch}, sample {first.sample}")
    clock = train(5, folder, resumed=True)
    print(f"batch {clock.batch}, step {clock.step}, applied {clock.applied}, sample {clock.sample}")
