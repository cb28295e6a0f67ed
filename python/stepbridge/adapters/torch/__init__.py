"""PyTorch: count real updates, make a clock from a loader, schedule and log in any unit.

`clock.batches(loader)` takes any loader as it is. This package adds:

- `watch(clock, optimizer, scaler)` counts the updates that really happened;
- `clock_for(loader, epochs=90)` makes the clock that a loader needs, a distributed one included;
- `clock.rest(loader)` is what is left of an epoch that is resumed; `EpochOrder(seed)` is a shuffle for any resume;
- `ClockLR`, `ClockLambdaLR` and `drive` are learning rate schedules in any unit;
- `ClockEarlyStopping` says when a metric has not improved for so long, in any unit;
- `SummaryWriter` is TensorBoard's, with the clock's step where none is given;
- `no_sync` and `ClockJoin` are for DistributedDataParallel.

What PyTorch does to a step is in the docstring of the module that deals with it.

>>> import torch
>>> model = torch.nn.Linear(4, 1)
>>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
>>> loader = torch.utils.data.DataLoader(torch.randn(10, 4), batch_size=4)
>>> clock = clock_for(loader, epochs=2)
>>> watched = watch(clock, optimizer)
>>> for epoch in clock.epochs():
...     for batch in clock.batches(loader):
...         optimizer.zero_grad()
...         model(batch).mean().backward()
...         optimizer.step()
>>> clock.step, clock.applied, clock.sample
(6, 6, 20)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from stepbridge.adapters.base import framework

with framework("torch", title="PyTorch", tested="2.4", through=("torchdata",)):
    import torch as _torch  # noqa: F401  # first and alone; `framework` says why

from stepbridge.adapters.torch.distributed import ClockJoin, no_sync
from stepbridge.adapters.torch.driving import Driven, drive
from stepbridge.adapters.torch.loaders import clock_for, loader_sizes
from stepbridge.adapters.torch.rest import EpochOrder
from stepbridge.adapters.torch.schedules import ClockLambdaLR, ClockLR
from stepbridge.adapters.torch.stopping import ClockEarlyStopping
from stepbridge.adapters.torch.watching import Watch, watch

if TYPE_CHECKING:
    from stepbridge.adapters.torch.writer import SummaryWriter

__all__ = [
    "ClockEarlyStopping",
    "ClockJoin",
    "ClockLR",
    "ClockLambdaLR",
    "Driven",
    "EpochOrder",
    "SummaryWriter",
    "Watch",
    "clock_for",
    "drive",
    "loader_sizes",
    "no_sync",
    "watch",
]


def __getattr__(name: str) -> object:
    """Import the writer only when it is asked for: TensorBoard is not a part of PyTorch."""
    if name != "SummaryWriter":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("stepbridge.adapters.torch.writer").SummaryWriter
