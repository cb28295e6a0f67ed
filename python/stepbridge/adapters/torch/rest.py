"""The rest of an epoch: a loader over what is left, which loads nothing of what is done.

What PyTorch does (seen on 2.15):

- A `DataLoader` draws the indices of an epoch from its sampler while it goes; a map-style dataset loads only what is
  asked for. So the rest is a loader of the same dataset over the sampler's later indices.
- `iter(loader)` first draws a seed for its workers from `loader.generator`, and `RandomSampler` draws its permutation
  with the first index, from its own generator. With `shuffle=True, generator=g` both are `g`: the order follows from
  the state of `g` when the epoch began. Without a generator it comes from the global one, which all else draws from.
- `DistributedSampler` permutes by `seed + epoch` and gives rank r the samples r, r + R, ...; R ranks that are through n
  batches of b are through the first n x b x R samples of the permutation, whatever R is.
- `StatefulDataLoader` (torchdata 0.11) that was restored yields what is left by itself.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
)

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import EpochOrder
from stepbridge.adapters.torch.prepared import left_out_at_start
from stepbridge.clock import register_loader_kind

if TYPE_CHECKING:
    from stepbridge.clock import RestOfEpoch
    from stepbridge.timeline import Exact

__all__ = ["EpochOrder", "TorchLoaders", "bind_order"]

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

#: How the text of an order begins: whether the loader drew a seed from the generator before the sampler did.
_DRAWS, _DRAWS_NOT = "+", "-"

REMEDY = 'give the loader sampler=EpochOrder(seed), or begin the epoch again with batches(loader, resume="restart")'


class TorchLoaders:
    """What the clock asks of a `DataLoader`."""

    def handles(self, loader: object) -> bool:
        """Whether it is one."""
        return isinstance(loader, DataLoader)

    def order(self, loader: DataLoader[Any], epoch: int) -> str | None:
        """Tells an `EpochOrder` its epoch; returns what the order comes from: the state of a generator."""
        sampler = _sampler(loader)
        if isinstance(sampler, EpochOrder):
            bind_order(loader, sampler)
            sampler.set_epoch(epoch)
        seed, iteration = getattr(sampler, "initial_seed", None), getattr(loader, "iteration", None)
        if type(seed) is int and type(iteration) is int:
            # Accelerate's SeedableRandomSampler, which its loader tells how often it was gone through.
            return f"seed {seed + iteration}"
        generator = getattr(sampler, "generator", None)
        if type(sampler) is RandomSampler and generator is None:
            # The order comes from the global generator: it cannot be made again, but a different one can be recognised.
            return "global " + hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest()[:16]
        if not isinstance(generator, torch.Generator):
            return None
        # Workers that persist have their seed from an earlier epoch.
        kept = loader.persistent_workers and getattr(loader, "_iterator", None) is not None
        draws = _DRAWS if loader.generator is generator and not kept else _DRAWS_NOT
        return draws + base64.b64encode(generator.get_state().numpy().tobytes()).decode()

    def begins_at(self, loader: DataLoader[Any]) -> Exact | None:
        """Returns what Accelerate's `skip_first_batches` leaves out; None for any other loader."""
        return left_out_at_start(loader)

    def rest(self, loader: DataLoader[Any], wanted: RestOfEpoch) -> Iterable[Any]:
        """Returns a loader over what is left of the epoch."""
        if getattr(loader, "next_iter_state", None) is not None:
            # A StatefulDataLoader that was restored.
            return loader
        name = wanted.clock.name
        sampler = _sampler(loader)
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
            return _loader(loader, batch_sampler=_RestOfBatches(name, batches, wanted))
        done = wanted.samples
        if done is None and wanted.batches is not None and _world() == 1:
            done = wanted.batches * (getattr(batches, "batch_size", None) or 1)
        if done is None:
            raise TimelineError(
                f"{name}: how many samples of the epoch are done is not known: give the clock samples and batch_size"
            )
        rest = _RestOfSamples(name, sampler, done, wanted)
        given = batches if loader.batch_size is None and isinstance(batches, BatchSampler) else loader
        size = given.batch_size
        return _loader(loader, batch_size=size, drop_last=bool(size and given.drop_last), sampler=rest)


class _RestOfSamples:
    """The later indices of a sampler."""

    def __init__(self, name: str, sampler: Any, done: int, wanted: RestOfEpoch) -> None:
        _check_order(name, sampler, wanted)
        self._sampler = sampler
        self._done = done
        self._order = wanted.order
        self._share = _share(sampler)
        ranks, _ = self._share
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
        _restore(sampler, self._order)
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

    def __init__(self, name: str, batches: Any, wanted: RestOfEpoch) -> None:
        if not isinstance(batches, Sequence):
            inner = getattr(batches, "sampler", None)
            if inner is None:
                raise TimelineError(
                    f"{name}: the rest of this {type(batches).__name__} is not known, as it has no sampler= whose "
                    "order can be known: give it one, or a list of batches"
                )
            _check_order(name, inner, wanted)
        if _world() > 1:
            raise TimelineError(
                f"{name}: which batches of this {type(batches).__name__} the other ranks did is not known: {REMEDY}"
            )
        self._name = name
        self._batches = batches
        self._wanted = wanted

    def __len__(self) -> int:
        return max(len(self._batches) - (self._wanted.batches or 0), 0)

    def __iter__(self) -> Iterator[Any]:
        _restore(getattr(self._batches, "sampler", None), self._wanted.order)
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


def bind_order(loader: Iterable[Any], sampler: object = None) -> None:
    """Tells an `EpochOrder` how many samples its loader has, and which rank it is in."""
    sampler = _sampler(loader) if sampler is None and isinstance(loader, DataLoader) else sampler
    if isinstance(sampler, EpochOrder) and isinstance(loader, DataLoader):
        sampler.bind(loader.dataset)  # type: ignore[arg-type]  # a map-style dataset has a length
        if sampler.ranks is None and _world() > 1:
            sampler.ranks, sampler.rank = _world(), distributed.get_rank()


def _check_order(name: str, sampler: object, wanted: RestOfEpoch) -> None:
    """Checks that somebody knows in which order the epoch began.

    Raises:
        TimelineError: nobody does.
    """
    if isinstance(sampler, EpochOrder):
        sampler.set_epoch(wanted.clock.position.epoch)
        return
    if isinstance(sampler, DistributedSampler) and type(sampler) is DistributedSampler:
        return
    if _world() > 1:
        raise TimelineError(
            f"{name}: what the other ranks did of this {type(sampler).__name__} is not known: with several ranks take "
            "a DistributedSampler or EpochOrder(seed)"
        )
    if type(sampler) is SequentialSampler or isinstance(sampler, Sequence):
        return
    if not isinstance(sampler, RandomSampler):
        raise TimelineError(
            f"{name}: the rest of an epoch is not known where a {type(sampler).__name__} says the order: {REMEDY}"
        )
    if sampler.generator is None:
        raise TimelineError(
            f"{name}: the epoch was shuffled by PyTorch's global generator, whose state nobody knows any more: {REMEDY}"
            "; with DataLoader(..., shuffle=True, generator=torch.Generator()) the clock keeps the order"
        )
    fresh = torch.Generator().manual_seed(sampler.generator.initial_seed()).get_state()
    if wanted.order is None and (wanted.clock.position.epoch or not torch.equal(sampler.generator.get_state(), fresh)):
        raise TimelineError(
            f"{name}: the checkpoint does not have the state of the generator that shuffled the epoch, as its batches "
            f"were not taken from clock.batches(loader): {REMEDY}"
        )


def _restore(sampler: object, order: str | None) -> None:
    """Sets the generator of a sampler to the state that it had when the epoch began."""
    generator = getattr(sampler, "generator", None)
    if order is None or not isinstance(generator, torch.Generator):
        return
    generator.set_state(torch.frombuffer(bytearray(base64.b64decode(order[1:])), dtype=torch.uint8))
    if order.startswith(_DRAWS):
        # The loader drew the seed of its workers before.
        torch.empty((), dtype=torch.int64).random_(generator=generator)


def _sampler(loader: DataLoader[Any]) -> Any:
    """What says the order of the samples."""
    batches = loader.batch_sampler
    return getattr(batches, "sampler", batches) if batches is not None else loader.sampler


def _samples_of(sampler: Any) -> int:
    return sampler.samples if isinstance(sampler, EpochOrder) else len(sampler.dataset)


def _share(sampler: Any) -> tuple[int, int]:
    """How many ranks share a sampler's order, and which of them this one is."""
    if isinstance(sampler, DistributedSampler):
        return sampler.num_replicas, sampler.rank
    if isinstance(sampler, EpochOrder):
        return sampler.share(_world(), distributed.get_rank() if _world() > 1 else 0)
    return 1, 0


def _world() -> int:
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def _loader(loader: DataLoader[Any], **changed: Any) -> DataLoader[Any]:
    """A loader of the same dataset, with another sampler."""
    kept = {name: getattr(loader, name) for name in _TAKEN_OVER if hasattr(loader, name)}
    if not loader.num_workers:
        kept.pop("multiprocessing_context", None)
        kept.pop("prefetch_factor", None)
    return DataLoader(loader.dataset, **kept, **changed)


register_loader_kind(TorchLoaders())
