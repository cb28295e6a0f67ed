"""What each of two ranks trains with Accelerate over gloo, and what its clock counts."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

import torch
from accelerate import DataLoaderConfiguration, skip_first_batches
from torch import distributed

from adapters.accelerate_training import Loop
from stepbridge import StepbridgeWarning
from stepbridge.adapters.torch import EpochOrder

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["train_on_rank"]


def train_on_rank(_rank: int, _folder: Path, cases: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Trains each case, one after the other."""
    # Accelerate asks for them, although the ranks have met already.
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29500", LOCAL_WORLD_SIZE=os.environ["WORLD_SIZE"])
    results = {name: trained(**options) for name, options in cases.items()}
    results |= {f"{name}, skipped": skipped(**options) for name, options in cases.items()}
    orders = {"same": (0, 1), "no set_epoch": (0, 0), "another seed": (5, 1), "EpochOrder": (None, None)}
    return results | {f"order, {name}": resumed_by_skip(*given) for name, given in orders.items()}


def resumed_by_skip(seed: int | None, epoch: int | None) -> dict[str, Any]:
    """Stops in the second epoch, skips to there in another process, and returns what this rank trained of it."""

    def made(seed: int | None) -> Loop:
        torch.manual_seed(seed or 0)
        loop = Loop.made(accumulate=1, dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True))
        data = torch.arange(20.0).reshape(20, 1)
        order: dict[str, Any] = {"shuffle": True} if seed is not None else {"sampler": EpochOrder(7, data)}
        loader: Any = torch.utils.data.DataLoader(data, batch_size=3, **order)  # type: ignore[arg-type]
        loop.loader = loop.accelerator.prepare(loader)
        return loop

    first = made(0 if seed is not None else None)
    state: dict[str, Any] = {}
    for _ in first.clock.epochs():
        for batch in first.clock.batches(first.loader):
            first.batch(batch)
            if first.clock.batch == 6:
                state = first.clock.state_dict()
                break
        if state:
            break
    second = made(seed)
    second.clock.load_state_dict(state)
    if epoch is not None:
        second.loader.set_epoch(epoch)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", StepbridgeWarning)
        second.run(resume="skip")
    distributed.barrier()
    return {
        "trained": first.trained[4:6] + second.trained,
        "warned": [str(one.message) for one in caught if one.category is StepbridgeWarning],
    }


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
