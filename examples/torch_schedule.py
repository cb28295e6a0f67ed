"""A warmup in steps and a cosine over the epochs, next to a StepLR that counts epochs, with accumulation."""

from __future__ import annotations

import torch
from torch.utils.data import DataLoader, TensorDataset

from stepbridge.adapters.torch import ClockLR, clock_for, drive, watch


def main() -> None:
    """Trains two models in one loop, each with its own optimizer and schedule."""
    data = TensorDataset(torch.linspace(-1, 1, 90).unsqueeze(1))
    loader = DataLoader(data, batch_size=10, shuffle=True)
    first, second = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    sgd = torch.optim.SGD(first.parameters(), lr=0.1)
    adam = torch.optim.Adam(second.parameters(), lr=0.1)

    clock = clock_for(loader, epochs=6, accumulate=2)  # 9 batches an epoch: 4 steps and a short one
    watch(clock, sgd, name="sgd")
    watch(clock, adam, name="adam")
    schedules = (
        ClockLR(sgd, clock, [("10st", 1.0, "linear"), ("6ep", 0.0, "cosine")], start=0.0),
        drive(torch.optim.lr_scheduler.StepLR(adam, step_size=2, gamma=0.1), clock, every="1ep"),
    )
    for epoch in clock.epochs():
        for (x,) in clock.batches(loader):
            for model in (first, second):
                model(x).square().mean().backward()
            if clock.closes_step:
                for optimizer in (sgd, adam):
                    optimizer.step()
                    optimizer.zero_grad()
            for schedule in schedules:
                schedule.step()
        rates = ", ".join(f"{schedule.get_last_lr()[0]:.4f}" for schedule in schedules)
        print(f"after epoch {epoch + 1}: step {clock.step}, rates {rates}")
    print(f"step {clock.step}, sgd {clock.updates_of('sgd')}, adam {clock.updates_of('adam')}")


if __name__ == "__main__":
    main()
