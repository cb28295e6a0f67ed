"""What each of two ranks trains with Accelerate over gloo, and what its clock counts."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from accelerate import DataLoaderConfiguration, skip_first_batches
from torch import distributed

from adapters.accelerate_training import Loop
from stepbridge import StepbridgeWarning

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["train_on_rank"]


def train_on_rank(_rank: int, _folder: Path, cases: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Trains each case, one after the other."""
    # Accelerate asks for them, although the ranks have met already.
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29500", LOCAL_WORLD_SIZE=os.environ["WORLD_SIZE"])
    results = {name: trained(**options) for name, options in cases.items()}
    return results | {f"{name}, skipped": skipped(**options) for name, options in cases.items()}


def skipped(batch_size: int, **config: bool) -> dict[str, Any]:
    """Returns what this rank trained of an epoch whose first two batches the loader left out, and what was counted."""
    loop = Loop.made(batch_size=batch_size, dataloader_config=DataLoaderConfiguration(**config), epochs=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", StepbridgeWarning)
        for _ in loop.clock.epochs():
            for batch in loop.clock.batches(skip_first_batches(loop.loader, 2)):
                loop.batch(batch)
    distributed.barrier()
    return {
        "trained": loop.trained,
        "left_out": int(loop.clock.left_out),
        "sample": loop.clock.sample,
        "warned": [str(one.message) for one in caught if one.category is StepbridgeWarning],
    }


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
