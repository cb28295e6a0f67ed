"""Mixed precision with gradient accumulation, stopped inside an epoch and resumed: every counter continues."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

from stepbridge.adapters.torch import clock_for, watch

DATA = TensorDataset(torch.linspace(-1, 1, 100).unsqueeze(1), torch.linspace(-3, 3, 100).unsqueeze(1))


def train(checkpoint: Path, stop: str | None) -> None:
    """Trains until `stop`, from the checkpoint where there is one."""
    loader = DataLoader(DATA, batch_size=8, shuffle=True, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**18)

    # 100 samples in batches of 8: 13 batches an epoch, the last one partial; 4 batches a step, the last step short.
    clock = clock_for(loader, epochs=4, accumulate=4, until=stop)
    watch(clock, optimizer, scaler)
    parts: dict[str, Any] = {"model": model, "optimizer": optimizer, "scaler": scaler, "clock": clock}
    if checkpoint.exists():
        for name, state in torch.load(checkpoint, weights_only=True).items():
            parts[name].load_state_dict(state)
        print(f"resumed at epoch {clock.position.epoch}, iter {clock.position.iter}")

    for _ in clock.epochs():
        for x, y in clock.batches(clock.rest(loader)):
            with torch.autocast("cpu", dtype=torch.float16):
                loss = torch.nn.functional.mse_loss(model(x), y)
            scaler.scale(loss).backward()
            if clock.closes_step:
                scaler.step(optimizer)  # skipped where a gradient is infinite, as the first ones are with this scale
                scaler.update()
                optimizer.zero_grad()
            if clock.every("1ep"):
                print(f"epoch {clock.epoch + 1}: step {clock.step}, {clock.applied} applied")

    torch.save({name: part.state_dict() for name, part in parts.items()}, checkpoint)
    print(f"batch {clock.batch}, sample {clock.sample}, step {clock.step}, applied {clock.applied}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        train(Path(folder) / "checkpoint.pt", stop="6st")
        train(Path(folder) / "checkpoint.pt", stop=None)
