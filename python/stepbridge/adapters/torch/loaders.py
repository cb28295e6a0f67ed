"""Makes the clock that a loader needs: how long an epoch is, and how many samples a batch holds over all ranks.

What PyTorch does (seen on 2.15):

- `DataLoader` draws batches from `batch_sampler`; where it made that one itself, `batch_size` is not None. A loader
  with `batch_size=None` and no batch sampler takes each item for a batch.
- `len()` of a loader over an `IterableDataset` is `len(dataset)` over the batch size: wrong where the dataset's
  `__len__` is, and only an estimate where several workers each end on a batch of their own.
- `DistributedSampler` gives each of R ranks P = ceil(N / R) of N samples, and fills up with copies; with its
  `drop_last` it leaves samples out instead. The copies are the last sample of some ranks, so a loader that drops its
  last, partial batch drops them first.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING, Any

from torch import distributed
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, IterableDataset

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import EpochOrder
from stepbridge.adapters.torch.orders import bind_order
from stepbridge.adapters.torch.prepared import inside_of_fabric, sizes_of_prepared
from stepbridge.clock import StepClock

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["clock_for", "loader_sizes"]


def clock_for(
    loader: Iterable[Any], *, epochs: int | None = None, accumulate: int = 1, ranks: int | None = None, **options: Any
) -> StepClock:
    """Makes the clock for a loader: its length, and the samples that really pass, over all ranks.

    What a loader does not know, the clock learns: an epoch's length where there is no `len()` (or, over an
    `IterableDataset`, several workers or ranks), and a batch's size where a batch sampler of your own decides it or
    the last batch of a stream may be partial. A `len()` that turns out wrong is reported when the epoch ends
    or goes on.

    Args:
        loader: a `DataLoader` (`StatefulDataLoader` too), or any iterable.
        epochs: how many are planned; None leaves the end open.
        accumulate: batches a step.
        ranks: how many processes draw from a loader like this, each its own batches. Default: what the
            `DistributedSampler` says, else the world size of `torch.distributed`, else 1. A sampler that is no
            `DistributedSampler` is taken for the share of one rank.
        options: whatever else `StepClock` takes (`boundary`, `until`, `ledger`, ...). A size given here (`samples`,
            `batch_size`, `batches_per_epoch`, `drop_last`, `padding`) is believed in place of the loader's.

    Raises:
        ValueError, TypeError: as `StepClock`; the loader has no batch.

    >>> from torch.utils.data import DataLoader, DistributedSampler
    >>> sampler = DistributedSampler(range(10), num_replicas=4, rank=0)  # 3 samples a rank, 2 of them copies
    >>> clock = clock_for(DataLoader(range(10), batch_size=2, sampler=sampler), epochs=3)
    >>> clock.timeline
    Timeline(3 epochs of 2 batches (10 samples in batches of 8, the last 2) = 6 batches, 6 steps, 30 samples)
    """
    return StepClock(epochs=epochs, accumulate=accumulate, **{**loader_sizes(loader, ranks=ranks), **options})


def loader_sizes(loader: Iterable[Any], *, ranks: int | None = None) -> dict[str, Any]:
    """Returns what a loader says of itself, in the words of StepClock; what it does not know is not in it.

    Args:
        loader: a `DataLoader`, one that Accelerate or Fabric prepared, or any iterable.
        ranks: as in `clock_for`.

    Raises:
        ValueError: the loader has no batch.
        TimelineError: it is what Accelerate's `skip_first_batches` returned.

    >>> from torch.utils.data import DataLoader
    >>> loader_sizes(DataLoader(range(10), batch_size=4))
    {'samples': 10, 'batch_size': 4, 'drop_last': False}
    """
    loader = inside_of_fabric(loader)
    if not isinstance(loader, DataLoader):
        return _counted("batches_per_epoch", loader)
    prepared = sizes_of_prepared(loader, _length)
    return _sizes(loader, ranks) if prepared is None else prepared


def _sizes(loader: DataLoader[Any], ranks: int | None) -> dict[str, Any]:
    """What PyTorch's own loader says of itself."""
    if isinstance(loader.dataset, IterableDataset):
        return _sizes_of_a_stream(loader, _world(ranks))
    batches = loader.sampler if loader.batch_sampler is None else loader.batch_sampler
    # What derives from BatchSampler may group as it likes, unless the loader itself made it from sampler and size.
    if not isinstance(batches, BatchSampler) or (loader.batch_size is None and not _is_plain(batches)):
        return _counted("batches_per_epoch", batches)
    sampler, batch_size, drop_last = batches.sampler, batches.batch_size, batches.drop_last
    bind_order(loader, sampler)
    shares = _shares(sampler)
    if shares is not None:
        return _sizes_of_shares(shares, batch_size, drop_last=drop_last, ranks=ranks)
    world = _world(ranks)
    share = _length(sampler)
    if share is None:
        return {"batch_size": batch_size * world} if drop_last else {}
    return {"samples": share * world, "batch_size": batch_size * world, "drop_last": drop_last}


def _is_plain(batches: BatchSampler) -> bool:
    """Whether its batches are of one size: PyTorch's own, or torchdata's, with which Lightning makes a loader anew."""
    return type(batches) is BatchSampler or type(batches).__module__ == "torchdata.stateful_dataloader.sampler"


def _shares(sampler: object) -> tuple[int, int, int] | None:
    """The ranks that a sampler shares the data among, the samples of each, and all samples; None for a plain one."""
    if isinstance(sampler, DistributedSampler):
        return sampler.num_replicas, sampler.num_samples, len(sampler.dataset)  # type: ignore[arg-type]
    if isinstance(sampler, EpochOrder) and sampler.ranks is not None:
        return sampler.ranks, len(sampler), sampler.samples
    return None


def _sizes_of_shares(
    shares: tuple[int, int, int], batch_size: int, *, drop_last: bool, ranks: int | None
) -> dict[str, Any]:
    """The ranks together: their batches side by side are one, and copies are no samples."""
    world, share, whole = shares
    if ranks not in (None, world):
        raise TimelineError(f"ranks={ranks}, but the loader's sampler shares the data among {world}")
    passed = world * (share // batch_size * batch_size if drop_last else share)
    real = min(whole, passed)
    if not real:
        raise TimelineError(
            f"the loader has no batch: {whole} samples among {world} ranks leave {share} a rank, "
            f"fewer than a batch of {batch_size}, and drop_last leaves out the rest"
        )
    # What is left is never dropped, so its last batch may be partial.
    return {"samples": real, "batch_size": batch_size * world, "padding": passed - real, "drop_last": False}


def _sizes_of_a_stream(loader: DataLoader[Any], world: int) -> dict[str, Any]:
    """What an IterableDataset says holds for one process only; how workers and ranks share it is its own affair."""
    batch_size, length = loader.batch_size, _length(loader.dataset)
    if length and loader.num_workers <= 1 and world == 1:
        if batch_size is None:
            return {"batches_per_epoch": length}
        if length >= batch_size or not loader.drop_last:
            return {"samples": length, "batch_size": batch_size, "drop_last": loader.drop_last}
    # Every batch is full only where a partial one is dropped.
    return {"batch_size": batch_size * world} if batch_size is not None and loader.drop_last else {}


def _world(ranks: int | None) -> int:
    if ranks is not None:
        return ranks
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def _counted(what: str, things: object) -> dict[str, Any]:
    length = _length(things)
    return {} if length is None else {what: length}


def _length(things: object) -> int | None:
    """`len()`, where there is one that answers: some samplers and datasets have a `__len__` that refuses."""
    if not isinstance(things, Sized):
        return None
    try:
        return len(things)
    except (TypeError, NotImplementedError):
        return None
