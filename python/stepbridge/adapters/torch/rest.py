"""The rest of an epoch: a loader over what is left, which loads nothing of what is done.

What PyTorch does (seen on 2.15):

- A `DataLoader` draws the indices of an epoch from its sampler while it goes; a map-style dataset loads only what is
  asked for. So the rest is a loader of the same dataset over the sampler's later indices.
- `DistributedSampler` permutes by `seed + epoch` and gives rank r the samples r, r + R, ...; R ranks that are through n
  batches of b are through the first n x b x R samples of the permutation, whatever R is.
- `StatefulDataLoader` (torchdata 0.11) that was restored yields what is left by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, IterableDataset, SequentialSampler

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import EpochOrder
from stepbridge.adapters.torch.orders import (
    REMEDY,
    bind_order,
    check_order,
    order_of,
    restore_order,
    sampler_of,
    world_size,
)
from stepbridge.adapters.torch.prepared import is_of_accelerate, left_out_at_start
from stepbridge.clock import register_loader_kind

if TYPE_CHECKING:
    from stepbridge.clock import RestOfEpoch
    from stepbridge.timeline import Exact

__all__ = ["EpochOrder", "TorchLoaders"]

#: What a new loader takes over from the old one.
_TAKEN_OVER = (
    "num_workers",
    "collate_fn",
    "pin_memory",
    "timeout",
    "worker_init_fn",
    "multiprocessing_context",
    "generator",
    "prefetch_factor",
    "pin_memory_device",
    "in_order",
)


class TorchLoaders:
    """What the clock asks of a `DataLoader`."""

    def handles(self, loader: object) -> bool:
        """Whether it is one."""
        return isinstance(loader, DataLoader)

    def order(self, loader: DataLoader[Any], epoch: int) -> str | None:
        """Tells an `EpochOrder` its epoch; returns what the order comes from: a seed, the state of a generator."""
        return order_of(loader, epoch)

    def begins_at(self, loader: DataLoader[Any]) -> Exact | None:
        """Returns what Accelerate's `skip_first_batches` leaves out; None for any other loader."""
        return left_out_at_start(loader)

    def rest(self, loader: DataLoader[Any], wanted: RestOfEpoch) -> Iterable[Any]:
        """Returns a loader over what is left of the epoch."""
        if getattr(loader, "next_iter_state", None) is not None:
            # A StatefulDataLoader that was restored.
            return loader
        name = wanted.clock.name
        if is_of_accelerate(loader):
            raise TimelineError(
                f"{name}: a loader that Accelerate prepared has its own way to leave out what is done: take "
                'batches(loader, resume="skip"), or skip_first_batches(loader, n) and resume="continues"'
            )
        sampler = sampler_of(loader)
        bind_order(loader, sampler)
        known = (SequentialSampler, DistributedSampler, EpochOrder)
        if type(loader) is not DataLoader and not isinstance(sampler, known):
            raise TimelineError(
                f"{name}: how a {type(loader).__name__} shuffles is its own affair: a StatefulDataLoader yields "
                f"the rest once its own state is loaded; else {REMEDY}"
            )
        if isinstance(loader.dataset, IterableDataset):
            raise TimelineError(
                f"{name}: the rest of an IterableDataset is not known, as nobody can begin in its middle: use a "
                'StatefulDataLoader and save it with the clock, or read past what is done with resume="skip"'
            )
        batches = loader.batch_sampler
        if loader.batch_size is None and batches is not None and type(batches) is not BatchSampler:
            return _loader(loader, batch_sampler=_RestOfBatches(loader, wanted))
        done = wanted.samples
        if done is None and wanted.batches is not None and world_size() == 1:
            done = wanted.batches * (getattr(batches, "batch_size", None) or 1)
        if done is None:
            raise TimelineError(
                f"{name}: how many samples of the epoch are done is not known: give the clock samples and batch_size"
            )
        # A sampler of batches is for a data set that takes whole batches of indices.
        whole_batches = batches is None and type(loader.sampler) is BatchSampler
        given: Any = loader.sampler if whole_batches else batches if batches is not None else loader
        size, drop_last = given.batch_size, bool(given.batch_size and given.drop_last)
        rest = _RestOfSamples(loader, done, wanted, size if drop_last else 1)
        if whole_batches:
            return _loader(loader, batch_size=None, sampler=BatchSampler(rest, size, drop_last))
        return _loader(loader, batch_size=size, drop_last=drop_last, sampler=rest)


class _RestOfSamples:
    """The later indices of a sampler."""

    def __init__(self, loader: DataLoader[Any], done: int, wanted: RestOfEpoch, multiple: int) -> None:
        check_order(loader, wanted)
        self._sampler = sampler = sampler_of(loader)
        self._done = done
        self._order = wanted.order
        self._share = _share(sampler)
        ranks, _ = self._share
        # Of each rank's share, the loader takes a multiple of so many; with more ranks the shares may differ too.
        wanted.check_data(len(sampler) if ranks == 1 else _samples_of(sampler), dropped=ranks * multiple - 1)
        if ranks == 1:
            self._length = max(len(sampler) - done, 0)
        else:
            left = _samples_of(sampler) - done
            self._length = max(left // ranks if sampler.drop_last else -(-left // ranks), 0)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        ranks, rank = self._share
        sampler = self._sampler
        if isinstance(sampler, EpochOrder):
            return sampler.indices(self._done) if ranks == 1 else sampler.shared(ranks, rank, self._done)
        if isinstance(sampler, DistributedSampler):
            return iter(self._of_all_ranks(sampler)[self._done :][rank::ranks][: self._length])
        if type(sampler) is SequentialSampler:
            return iter(range(self._done, len(sampler)))
        restore_order(sampler, self._order)
        return islice(iter(sampler), self._done, None)

    def _of_all_ranks(self, sampler: DistributedSampler[Any]) -> list[int]:
        """The order of all ranks together, filled up so that what is left has an even share for each."""
        samples = _samples_of(sampler)
        if sampler.shuffle:
            generator = torch.Generator()
            generator.manual_seed(sampler.seed + sampler.epoch)
            order: list[int] = torch.randperm(samples, generator=generator).tolist()
        else:
            order = list(range(samples))
        missing = self._done + self._length * self._share[0] - samples
        return order + [order[place % samples] for place in range(max(missing, 0))]


class _RestOfBatches:
    """The later batches of a batch sampler, from the first one on that holds no sample that is done."""

    def __init__(self, loader: DataLoader[Any], wanted: RestOfEpoch) -> None:
        name, batches = wanted.clock.name, loader.batch_sampler
        if not isinstance(batches, Sequence):
            if getattr(batches, "sampler", None) is None:
                raise TimelineError(
                    f"{name}: the rest of this {type(batches).__name__} is not known, as it has no sampler= whose "
                    "order can be known: give it one, or a list of batches"
                )
            check_order(loader, wanted)
        if world_size() > 1:
            raise TimelineError(
                f"{name}: which batches of this {type(batches).__name__} the other ranks did is not known: {REMEDY}"
            )
        self._name = name
        self._batches: Any = batches
        self._wanted = wanted

    def __len__(self) -> int:
        return max(len(self._batches) - (self._wanted.batches or 0), 0)

    def __iter__(self) -> Iterator[Any]:
        restore_order(getattr(self._batches, "sampler", None), self._wanted.order)
        batches: Iterator[Any] = iter(self._batches)
        done = self._wanted.samples
        if done is None:
            return islice(batches, self._wanted.batches, None)
        passed = 0
        while passed < done:
            batch = next(batches, None)
            if batch is None:
                return iter(())
            passed += len(batch)
        if passed != done:
            raise TimelineError(
                f"{self._name}: {done} samples of the epoch are done, which end inside a batch of this "
                f"{type(self._batches).__name__}: resume with the batches that the run had"
            )
        return batches


def _samples_of(sampler: Any) -> int:
    return sampler.samples if isinstance(sampler, EpochOrder) else len(sampler.dataset)


def _share(sampler: Any) -> tuple[int, int]:
    """How many ranks share a sampler's order, and which of them this one is."""
    if isinstance(sampler, DistributedSampler):
        return sampler.num_replicas, sampler.rank
    if isinstance(sampler, EpochOrder):
        return sampler.share(world_size(), distributed.get_rank() if world_size() > 1 else 0)
    return 1, 0


def _loader(loader: DataLoader[Any], **changed: Any) -> DataLoader[Any]:
    """A loader of the same dataset, with another sampler."""
    kept = {name: getattr(loader, name) for name in _TAKEN_OVER if hasattr(loader, name)}
    if not loader.num_workers:
        kept.pop("multiprocessing_context", None)
        kept.pop("prefetch_factor", None)
    return DataLoader(loader.dataset, **kept, **changed)


register_loader_kind(TorchLoaders())
