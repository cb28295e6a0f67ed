"""What each rank does in the tests of the Trainer on two ranks."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from torch import distributed

from adapters.transformers_training import Data, Stream, make_trainer
from stepbridge import StepbridgeWarning
from stepbridge.adapters.transformers import ClockCallback

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["train_on_rank"]


def train_on_rank(rank: int, folder: Path, cases: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Trains each case, one after the other: to import the Trainer takes longer than to train."""
    # Accelerate asks for them, although the ranks have met already.
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29500", LOCAL_WORLD_SIZE=os.environ["WORLD_SIZE"])
    return {name: trained(folder / name, **options) for name, options in cases.items()}


def trained(folder: Path, samples: int = 20, **options: Any) -> dict[str, Any]:
    """Returns what this rank trained, batch by batch, and what the clock counted at each."""
    data = Stream(samples) if options.pop("stream", False) else Data(samples)
    resume = options.pop("resume", None)
    counting = ClockCallback(**options.pop("counting", {}))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", StepbridgeWarning)
        trainer, model, watcher = make_trainer(
            folder, counting, data=data, ddp_backend="gloo", ddp_find_unused_parameters=False, **options
        )
        trainer.train(resume_from_checkpoint=resume)
    clock = counting.clock
    distributed.barrier()
    return {
        "trained": model.trained,
        "samples": [event.clock[1] for event in watcher.events],
        "steps": [event.clock[2] for event in watcher.events],
        "closes": [event.closes for event in watcher.events],
        "counts": (clock.batch, clock.step, clock.applied, clock.sample, clock.padding),
        "warned": [str(one.message) for one in caught if one.category is StepbridgeWarning],
    }
