"""DistributedDataParallel on two CPU processes: samples are global, copies apart, and one rank writes the ledger."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import distributed
from torch.multiprocessing.spawn import start_processes
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from stepbridge.adapters.torch import clock_for, no_sync, watch

DATA = TensorDataset(torch.linspace(-1, 1, 101).unsqueeze(1))


def train(rank: int, ranks: int, folder: str) -> None:
    """What one rank does."""
    distributed.init_process_group("gloo", f"file://{folder}/meeting", world_size=ranks, rank=rank)
    torch.manual_seed(0)
    model = DistributedDataParallel(torch.nn.Linear(1, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    sampler: DistributedSampler[tuple[torch.Tensor, ...]] = DistributedSampler(DATA)
    loader = DataLoader(DATA, batch_size=8, sampler=sampler)

    # 101 samples for two ranks: 51 each, one of them a copy; 7 batches of 16, the last of 5 (and the copy).
    clock = clock_for(loader, epochs=3, accumulate=2, ledger=folder)
    watch(clock, optimizer)
    for epoch in clock.epochs():
        sampler.set_epoch(epoch)
        for (x,) in clock.batches(loader):
            with no_sync(clock, model):  # gradients travel only where a step closes
                model(x).square().mean().backward()
            if clock.closes_step:
                optimizer.step()
                optimizer.zero_grad()

    if rank == 0:
        print(f"ledger: {', '.join(path.name for path in Path(folder).glob('*.jsonl'))}")
        print(f"batch {clock.batch}, step {clock.step}, sample {clock.sample}, padding {clock.padding}")
    distributed.destroy_process_group()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        start_processes(train, args=(2, folder), nprocs=2, start_method="fork")
