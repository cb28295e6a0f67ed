"""What each of two ranks trains under Lightning's DDP over gloo, and what its clock counts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from torch import distributed

from adapters.lightning_training import Data, Stream, train
from stepbridge.adapters.lightning import ClockCallback

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["train_on_rank"]


def train_on_rank(rank: int, _folder: Path, cases: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Trains each case, one after the other: to import Lightning takes longer than to train."""
    # With it Lightning starts no processes of its own.
    os.environ.update(LOCAL_RANK=str(rank), NODE_RANK="0", MASTER_ADDR="127.0.0.1", MASTER_PORT="29500")
    return {name: trained(**options) for name, options in cases.items()}


def trained(samples: int = 20, **options: Any) -> dict[str, Any]:
    """Returns what this rank trained, batch by batch, and what the clock counted at each."""
    data = Stream(samples) if options.pop("stream", False) else Data(samples)
    run = train(ClockCallback(), data=data, devices=2, strategy="ddp", **options)
    clock = run.counting.clock
    distributed.barrier()
    return {
        "trained": run.model.trained,
        "samples": [event.clock[1] for event in run.watcher.events],
        "steps": [event.clock[2] for event in run.watcher.events],
        "updates": [event.updates for event in run.watcher.events],
        "counts": (clock.batch, clock.step, clock.applied, clock.sample, clock.padding),
        "warned": run.warned,
    }
