"""What the loaders that Accelerate or Lightning Fabric prepared say of their sizes. Neither is imported here.

What Accelerate does (seen on 1.0 and 1.15):

- `BatchSamplerShard` gives each rank whole batches in turn; `split_batches` gives each a part of every batch, whose
  size then is that of all ranks. With `even_batches` the last batch is filled up with copies from the data's start.
- `DataLoaderDispatcher` reads on rank 0 alone and shares out. Its last batch is only made divisible by the ranks.
- `IterableDatasetShard` reads all of the stream on every rank; its last batch is filled up as well.
- `skip_first_batches` returns a loader whose length is that of the rest. It counts the batches of the sampler: those
  of a `DataLoaderDispatcher` are those of one rank, as many as there are ranks to a batch. Over a stream it counts what
  the loader yields.

What Fabric does (seen on 2.4 and 2.6): its loader is not a DataLoader. It holds one, which has its DistributedSampler.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from torch.utils.data import BatchSampler, IterableDataset

from stepbridge._errors import TimelineError
from stepbridge.timeline import Exact

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["inside_of_fabric", "is_of_accelerate", "left_out_at_start", "sizes_of_prepared"]


def inside_of_fabric(loader: Any) -> Any:
    """Returns the loader that one of Fabric holds; any other as it is."""
    module = type(loader).__module__
    if module not in ("lightning.fabric.wrappers", "lightning_fabric.wrappers"):
        return loader
    return vars(loader).get("_dataloader", loader)


def is_of_accelerate(loader: object) -> bool:
    """Whether Accelerate prepared a loader."""
    accelerate = sys.modules.get("accelerate.data_loader")
    return accelerate is not None and isinstance(loader, accelerate.DataLoaderAdapter)


def left_out_at_start(loader: Any) -> Exact | None:
    """Returns what `skip_first_batches` leaves out of a loader, over all ranks; None for any other loader."""
    accelerate = sys.modules.get("accelerate.data_loader")
    if accelerate is None:
        return None
    skipped = vars(loader).get("skip_batches")
    if skipped:
        return Exact(skipped, "ba")
    sampler = _batch_sampler(loader)
    batches = 0
    while isinstance(sampler, accelerate.SkipBatchSampler):
        batches, sampler = batches + sampler.skip_batches, sampler.batch_sampler
    size = getattr(sampler, "batch_size", None)
    if not batches:
        return None
    if type(size) is not int:
        return Exact(batches, "ba")
    if isinstance(sampler, accelerate.BatchSamplerShard) and not sampler.split_batches:
        size *= sampler.num_processes
    return Exact(batches * size, "sp")


def _batch_sampler(loader: Any) -> Any:
    return loader.sampler if isinstance(loader.sampler, BatchSampler) else loader.batch_sampler


def sizes_of_prepared(loader: Any, length: Callable[[object], int | None]) -> dict[str, Any] | None:
    """Returns the sizes of a loader that several ranks share, in the words of StepClock; None for any other loader.

    Raises:
        TimelineError: it is what `skip_first_batches` returned.
    """
    if not is_of_accelerate(loader):
        return None
    accelerate = sys.modules["accelerate.data_loader"]
    sampler = _batch_sampler(loader)
    if isinstance(sampler, accelerate.SkipBatchSampler) or bool(vars(loader).get("skip_batches")):
        raise TimelineError(
            "the loader is what skip_first_batches returned, so its length is not that of an epoch: "
            "give the clock the loader that was given to it"
        )
    if isinstance(loader, accelerate.DataLoaderDispatcher):
        return _dispatched(loader, sampler, length)
    if isinstance(sampler, accelerate.BatchSamplerShard):
        return _shared(sampler, length)
    if isinstance(loader.dataset, accelerate.IterableDatasetShard):
        # Its last batch holds copies, and nobody knows how many.
        return {}
    return None


def _shared(shard: Any, length: Callable[[object], int | None]) -> dict[str, Any]:
    inner = shard.batch_sampler
    samples = length(inner.sampler) if type(inner) is BatchSampler else None
    if samples is None or shard.batch_size is None:
        # What a batch sampler of your own groups is known by its batches alone.
        return {"batches_per_epoch": len(shard)}
    size = shard.batch_size * (1 if shard.split_batches else shard.num_processes)
    if shard.drop_last:
        return {"samples": samples, "batch_size": size, "drop_last": True}
    copies = -samples % size if shard.even_batches else 0
    return {"samples": samples, "batch_size": size, "padding": copies, "drop_last": False}


def _dispatched(loader: Any, sampler: Any, length: Callable[[object], int | None]) -> dict[str, Any]:
    ranks = loader.state.num_processes
    if isinstance(loader.dataset, IterableDataset):
        if not loader._drop_last:
            return {}
        return {"batch_size": loader.batch_size * (1 if loader.split_batches else ranks)}
    samples = length(sampler.sampler) if type(sampler) is BatchSampler else None
    if samples is None:
        return {"batches_per_epoch": len(loader)}
    size = sampler.batch_size * (1 if loader.split_batches else ranks)
    if loader._drop_last:
        return {"samples": samples, "batch_size": size, "drop_last": True}
    return {"samples": samples, "batch_size": size, "padding": -samples % ranks, "drop_last": False}
