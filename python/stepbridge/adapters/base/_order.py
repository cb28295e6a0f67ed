"""An order of samples that follows from a seed alone: the same for any batch size and any number of ranks.

A shuffle draws all numbers of an epoch before it yields the first, and what it draws depends on the state of a
generator. Here a sample's place is a function of its index, so an epoch begins anywhere at once, in any process.

The function is a Feistel network over the smallest even number of bits that holds all indices; what falls outside is
put through it again until it falls inside, so that it is one permutation of exactly the samples. Its rounds mix with
the constants of SplitMix64. What it yields for a seed is part of what a saved run rests on and never changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stepbridge._errors import TimelineError
from stepbridge.timeline import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sized

    import numpy.typing as npt

__all__ = ["EpochOrder"]

#: Indices that are worked out at once: few at first, so that an epoch begins at once.
_FIRST_CHUNK, _CHUNK = 1 << 8, 1 << 14
_ROUNDS = 6
_MASK = (1 << 64) - 1


class EpochOrder:
    """A sampler that shuffles the samples of each epoch by a seed.

    It yields the same permutation for any batch size, number of workers and number of ranks, and begins at any sample
    at once. `clock.batches(loader)` tells it the epoch; in a loop without a clock call `set_epoch`.

    Args:
        seed: any whole number from 0 on; each seed and epoch has an order of its own.
        data: the data set, or its number of samples. A loader that `clock_for` or `clock.batches` is given has it.
        ranks: how many processes share the samples: sample `i` of the order is that of rank `i % ranks`. By default
            what the adapter of the framework knows, else 1.
        rank: which of them this one is.
        drop_last: where the samples do not divide evenly: whether the last ones are left out; else the order's first
            ones are taken again, so that every rank has as many.

    Raises:
        TimelineError: a number is negative, or a rank is not one of `ranks`.

    >>> order = EpochOrder(seed=7, data=10)
    >>> sorted(order) == list(range(10))
    True
    >>> order.set_epoch(3)
    >>> epoch = list(order)
    >>> list(order.indices(begin=6)) == epoch[6:]
    True
    """

    def __init__(
        self,
        seed: int,
        data: Sized | int | None = None,
        *,
        ranks: int | None = None,
        rank: int | None = None,
        drop_last: bool = False,
    ) -> None:
        self.seed = _count("seed", seed)
        self.epoch = 0
        """The epoch whose order it yields, an index from 0."""
        self.ranks = None if ranks is None else _count("ranks", ranks, least=1)
        self.rank = None if rank is None else _count("rank", rank)
        self.drop_last = drop_last
        self._samples: int | None = None
        if data is not None:
            self.bind(data)
        if (rank is None) != (ranks is None) or (rank is not None and ranks is not None and rank >= ranks):
            raise TimelineError(f"rank={rank} is not one of ranks={ranks}: give both, rank from 0 to ranks - 1")

    def bind(self, data: Sized | int) -> None:
        """Takes the number of samples from a data set; an adapter calls it where the loader has one."""
        self._samples = _count("data", data) if isinstance(data, int) else len(data)

    @property
    def samples(self) -> int:
        """The samples of an epoch, over all ranks.

        Raises:
            TimelineError: their number was not given.
        """
        if self._samples is None:
            raise TimelineError("EpochOrder does not know how many samples there are: give EpochOrder(seed, data)")
        return self._samples

    def set_epoch(self, epoch: int) -> None:
        """Yields the order of this epoch, an index from 0, from now on."""
        self.epoch = _count("epoch", epoch)

    def share(self, ranks: int, rank: int) -> tuple[int, int]:
        """Returns the ranks and the rank that hold: those it was made with, else those given."""
        return (ranks, rank) if self.ranks is None or self.rank is None else (self.ranks, self.rank)

    def indices(self, begin: int = 0) -> Iterator[int]:
        """Yields the indices of all ranks from a place in the order on."""
        for first, end in _chunks(begin, self.samples):
            yield from self.at(np.arange(first, end, dtype=np.uint64)).tolist()

    def at(self, places: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
        """Returns the samples at these places of the order."""
        samples = np.uint64(self.samples)
        keys = _keys(self.seed, self.epoch)
        half = max(1, (int(self.samples - 1).bit_length() + 1) // 2)
        found = _feistel(places.astype(np.uint64), keys, half)
        outside = np.flatnonzero(found >= samples)
        while len(outside):
            found[outside] = _feistel(found[outside], keys, half)
            outside = outside[found[outside] >= samples]
        return found.astype(np.int64)

    def shared(self, ranks: int, rank: int, begin: int = 0) -> Iterator[int]:
        """Yields the indices of one rank, of those that come after `begin` samples of all ranks."""
        left = self.samples - begin
        whole = left // ranks if self.drop_last else -(-left // ranks)
        for first, end in _chunks(0, whole):
            places = begin + rank + ranks * np.arange(first, end, dtype=np.int64)
            # What is missing for an even share is taken from the front once more.
            yield from self.at(np.where(places < self.samples, places, places % max(self.samples, 1))).tolist()

    def __iter__(self) -> Iterator[int]:
        ranks, rank = self.share(1, 0)
        return self.indices() if ranks == 1 else self.shared(ranks, rank)

    def __len__(self) -> int:
        ranks, _ = self.share(1, 0)
        return self.samples // ranks if self.drop_last else -(-self.samples // ranks)


def _chunks(begin: int, end: int) -> Iterator[tuple[int, int]]:
    size = _FIRST_CHUNK
    while begin < end:
        yield begin, min(begin + size, end)
        begin, size = begin + size, min(2 * size, _CHUNK)


def _count(name: str, value: object, *, least: int = 0) -> int:
    number = whole_number(name, value)
    if number < least:
        raise TimelineError(f"{name} must be {least} or more, not {number}")
    return number


def _mixed(value: int) -> int:
    """One step of SplitMix64."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def _keys(seed: int, epoch: int) -> list[np.uint64]:
    state = 0
    # A seed may have any number of bits.
    for word in [*(seed >> shift & _MASK for shift in range(0, max(seed.bit_length(), 1), 64)), epoch]:
        state = _mixed(state ^ word)
    keys = []
    for _ in range(_ROUNDS):
        state = _mixed(state)
        keys.append(np.uint64(state))
    return keys


def _feistel(values: npt.NDArray[np.uint64], keys: list[np.uint64], half: int) -> npt.NDArray[np.uint64]:
    """Permutes numbers of twice `half` bits."""
    bits, mask = np.uint64(half), np.uint64((1 << half) - 1)
    left, right = values >> bits, values & mask
    with np.errstate(over="ignore"):
        for key in keys:
            mixed = (right ^ key) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
            left, right = right, left ^ ((mixed ^ (mixed >> np.uint64(32))) & mask)
    permuted: npt.NDArray[np.uint64] = (left << bits) | right
    return permuted
