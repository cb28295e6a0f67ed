"""In which order a loader yields an epoch: a text for the clock's state, and whether a resumed loader has it still.

What PyTorch does (seen on 2.15):

- `iter(loader)` first draws a seed for its workers from `loader.generator`, and `RandomSampler` draws its permutation
  with the first index, from its own generator. With `shuffle=True, generator=g` both are `g`: the order follows from
  the state of `g` when the epoch began. Without a generator it comes from the global one, which all else draws from.
- `DistributedSampler` permutes by `seed + epoch`; each rank takes its share of that.

Accelerate wraps the batch sampler, once for the ranks and once for what it skips.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed
from torch.utils.data import DataLoader, DistributedSampler, IterableDataset, RandomSampler, SequentialSampler

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import EpochOrder
from stepbridge.adapters.torch.prepared import is_of_accelerate

if TYPE_CHECKING:
    from stepbridge.clock import RestOfEpoch

__all__ = ["REMEDY", "bind_order", "check_order", "order_of", "restore_order", "sampler_of", "world_size"]

#: How the text of a generator's order begins: whether the loader drew a seed from it before the sampler did.
_DRAWS, _DRAWS_NOT = "+", "-"

REMEDY = 'give the loader sampler=EpochOrder(seed), or begin the epoch again with batches(loader, resume="restart")'


def order_of(loader: DataLoader[Any], epoch: int) -> str | None:
    """Tells an `EpochOrder` its epoch; returns what the order of an epoch comes from. None: nothing is known of it."""
    sampler = sampler_of(loader)
    if isinstance(sampler, EpochOrder):
        bind_order(loader, sampler)
        # Accelerate's loader counts its passes, and tells the sampler that number.
        counts: Any = loader if is_of_accelerate(loader) else sampler
        counts.set_epoch(epoch)
        return f"EpochOrder(seed={sampler.seed})"
    if isinstance(loader.dataset, IterableDataset):
        return None
    return _order_of_seed(loader, sampler) or _order_of_generator(loader, sampler)


def _order_of_seed(loader: DataLoader[Any], sampler: object) -> str | None:
    if type(sampler) is DistributedSampler and sampler.shuffle:
        return f"DistributedSampler, seed + epoch = {sampler.seed + sampler.epoch}"
    if type(sampler) in (SequentialSampler, DistributedSampler):
        return "no shuffle"
    seed, iteration = getattr(sampler, "initial_seed", None), getattr(loader, "iteration", None)
    # Accelerate's SeedableRandomSampler, which its loader tells how often it was gone through.
    return f"seed {seed + iteration}" if type(seed) is int and type(iteration) is int else None


def _order_of_generator(loader: DataLoader[Any], sampler: object) -> str | None:
    generator = getattr(sampler, "generator", None)
    if world_size() > 1 and (generator is not None or isinstance(sampler, RandomSampler)):
        return None  # a saved state is that of rank 0, and the generators of the others may differ from its own
    if type(sampler) is RandomSampler and generator is None:
        # The order comes from the global generator: it cannot be made again, but a different one can be recognised.
        return "global " + hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest()[:16]
    if not isinstance(generator, torch.Generator):
        return f"a {type(sampler).__name__}"
    # Workers that persist have their seed from an earlier epoch.
    kept = loader.persistent_workers and getattr(loader, "_iterator", None) is not None
    draws = _DRAWS if loader.generator is generator and not kept else _DRAWS_NOT
    return draws + base64.b64encode(generator.get_state().numpy().tobytes()).decode()


def check_order(loader: DataLoader[Any], wanted: RestOfEpoch) -> None:
    """Checks that the order in which the epoch began is known, and that the loader has it.

    Raises:
        TimelineError: it is unknown, or the loader has another one.
    """
    name = wanted.clock.name
    _check_known(name, sampler_of(loader), wanted)
    began, now = wanted.order, order_of(loader, wanted.clock.position.epoch)
    if None in (began, now) or began == now or (_of_generator(began) and _of_generator(now)):
        return
    raise TimelineError(
        f"{name}: the epoch began in another order than the loader has ({_shown(began)} there, {_shown(now)} here): "
        "give it the sampler, the seed and the set_epoch(epoch) that the run had, or begin the epoch again with "
        'batches(loader, resume="restart")'
    )


def _of_generator(order: str | None) -> bool:
    return order is not None and order.startswith((_DRAWS, _DRAWS_NOT))


def _shown(order: str | None) -> str:
    if _of_generator(order):
        return "shuffle with a generator"
    return "shuffle without a generator" if order is not None and order.startswith("global ") else str(order)


def _check_known(name: str, sampler: object, wanted: RestOfEpoch) -> None:
    """Checks that a sampler has an order that can be known.

    Raises:
        TimelineError: it has none.
    """
    if isinstance(sampler, EpochOrder):
        return
    if isinstance(sampler, DistributedSampler) and type(sampler) is DistributedSampler:
        return
    if world_size() > 1:
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


def restore_order(sampler: object, order: str | None) -> None:
    """Sets the generator of a sampler to the state that it had when the epoch began."""
    generator = getattr(sampler, "generator", None)
    if order is None or not _of_generator(order) or not isinstance(generator, torch.Generator):
        return
    generator.set_state(torch.frombuffer(bytearray(base64.b64decode(order[1:])), dtype=torch.uint8))
    if order.startswith(_DRAWS):
        # The loader drew the seed of its workers before.
        torch.empty((), dtype=torch.int64).random_(generator=generator)


def bind_order(loader: Iterable[Any], sampler: object = None) -> None:
    """Tells an `EpochOrder` how many samples its loader has, and which rank it is in."""
    sampler = sampler_of(loader) if sampler is None and isinstance(loader, DataLoader) else sampler
    if isinstance(sampler, EpochOrder) and isinstance(loader, DataLoader):
        sampler.bind(loader.dataset)  # type: ignore[arg-type]  # a map-style dataset has a length
        # Accelerate shares the batches among the ranks, not the samples.
        if sampler.ranks is None and world_size() > 1 and not is_of_accelerate(loader):
            sampler.ranks, sampler.rank = world_size(), distributed.get_rank()


def sampler_of(loader: DataLoader[Any]) -> Any:
    """Returns what says the order of the samples."""
    batches: Any = loader.batch_sampler
    if batches is None:
        # A sampler of batches for a data set that takes whole batches of indices.
        return getattr(loader.sampler, "sampler", loader.sampler)
    while not hasattr(batches, "sampler") and hasattr(batches, "batch_sampler"):
        batches = batches.batch_sampler
    return getattr(batches, "sampler", batches)


def world_size() -> int:
    """Returns how many ranks there are; 1 without torch.distributed."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1
