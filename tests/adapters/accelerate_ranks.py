"""What each of two ranks trains with Accelerate over gloo, and what its clock counts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from accelerate import DataLoaderConfiguration
from torch import distributed

from adapters.accelerate_training import Loop

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["train_on_rank"]


def train_on_rank(_rank: int, _folder: Path, cases: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Trains each case, one after the other."""
    # Accelerate asks for them, although the ranks have met already.
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29500", LOCAL_WORLD_SIZE=os.environ["WORLD_SIZE"])
    return {name: trained(**options) for name, options in cases.items()}


def trained(batch_size: int, **config: bool) -> dict[str, Any]:
    """Returns what this rank trained, batch by batch, and what the clock counted at each."""
    loop = Loop.made(batch_size=batch_size, dataloader_config=DataLoaderConfiguration(**config)).run()
    clock = loop.clock
    distributed.barrier()
    return {
        "trained": loop.trained,
        "samples": loop.samples,
        "agree": loop.synced == loop.closed,
        "counts": (clock.batch, clock.step, clock.applied, clock.sample, clock.padding),
    }
