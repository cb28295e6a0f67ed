"""`clock.rest(loader)`: exactly what is left of an epoch, in any size, without loading what was done."""

from __future__ import annotations

import json
import time
import warnings
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    WeightedRandomSampler,
)
from torchdata.stateful_dataloader import StatefulDataLoader

import stepbridge as sb
from stepbridge.adapters.torch import EpochOrder, clock_for

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = 203


class Numbers(Dataset[int]):
    """A data set that notes what was loaded."""

    def __init__(self, samples: int = SAMPLES) -> None:
        self.samples = samples
        self.loaded: list[int] = []

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> int:
        self.loaded.append(index)
        return index


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(7)


#: Loaders whose order can be known, by how they are made.
KNOWN: dict[str, Any] = {
    "sequential": lambda data, size, **options: DataLoader(data, batch_size=size, **options),
    "drop_last": lambda data, size, **options: DataLoader(data, batch_size=size, drop_last=True, **options),
    "shuffled": lambda data, size, **options: DataLoader(
        data, batch_size=size, shuffle=True, generator=seeded(), **options
    ),
    "own generator": lambda data, size, **options: DataLoader(
        data, batch_size=size, sampler=RandomSampler(data, generator=seeded()), **options
    ),
    "replacement": lambda data, size, **options: DataLoader(
        data, batch_size=size, sampler=RandomSampler(data, True, SAMPLES, seeded()), **options
    ),
    "batch sampler": lambda data, size, **options: DataLoader(
        data, batch_sampler=BatchSampler(RandomSampler(data, generator=seeded()), size, False), **options
    ),
    "order": lambda data, size, **options: DataLoader(data, batch_size=size, sampler=EpochOrder(3), **options),
    "distributed": lambda data, size, **options: DataLoader(
        data, batch_size=size, sampler=DistributedSampler(data, num_replicas=1, rank=0, seed=5), **options
    ),
}


def train(clock: sb.StepClock, loader: DataLoader[Any], seen: list[list[int]], *, rest: bool = True) -> None:
    for epoch in clock.epochs():
        if isinstance(loader.sampler, DistributedSampler):
            loader.sampler.set_epoch(epoch)
        for batch in clock.batches(clock.rest(loader) if rest else loader):
            seen[epoch] += batch.tolist()


def whole(kind: str, size: int) -> list[list[int]]:
    """Train three epochs without a stop."""
    seen: list[list[int]] = [[], [], []]
    loader = KNOWN[kind](Numbers(), size)
    train(clock_for(loader, epochs=3), loader, seen, rest=False)
    return seen


@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize(("stop", "size"), [(3, 10), (3, 7), (25, 20), (30, 203)])
def test_a_resume_in_any_size_trains_each_sample_in_its_order(kind: str, stop: int, size: int) -> None:
    expected = whole(kind, 10)
    seen: list[list[int]] = [[], [], []]
    loader = KNOWN[kind](Numbers(), 10)
    first = clock_for(loader, epochs=3, until=f"{stop}ba")
    train(first, loader, seen)
    data = Numbers()
    loader = KNOWN[kind](data, size)
    clock = clock_for(loader, epochs=3)
    clock.load_state_dict(json.loads(json.dumps(first.state_dict())))
    done = len(list(chain(*seen)))
    train(clock, loader, seen)
    if kind == "drop_last":
        for epoch, order in zip(seen, expected, strict=True):
            shorter = min(len(epoch), len(order))
            assert epoch[:shorter] == order[:shorter] == list(range(shorter))
            assert SAMPLES - len(epoch) < max(size, 10)
    else:
        assert seen == expected
    assert clock.sample == len(list(chain(*seen)))
    assert len(data.loaded) == len(list(chain(*seen))) - done, "what was done is not loaded again"
    assert clock.finished


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("kind", ["shuffled", "order"])
def test_workers_change_nothing(kind: str, workers: int) -> None:
    expected = whole(kind, 10)
    seen: list[list[int]] = [[], [], []]
    loader = KNOWN[kind](Numbers(), 10, num_workers=workers, persistent_workers=True)
    first = clock_for(loader, epochs=3, until="3ba")
    train(first, loader, seen)
    loader = KNOWN[kind](Numbers(), 25, num_workers=workers)
    clock = clock_for(loader, epochs=1)
    clock.load_state_dict(first.state_dict())
    train(clock, loader, seen)
    assert seen[0] == expected[0]


@pytest.mark.parametrize("kind", ["distributed", "order"])
@pytest.mark.parametrize(("before", "after"), [(2, 4), (4, 2), (3, 1), (1, 3)])
def test_another_number_of_ranks_shares_what_is_left(kind: str, before: int, after: int) -> None:
    def loader(ranks: int, rank: int, size: int) -> DataLoader[Any]:
        data = Numbers()
        sampler: Any = (
            DistributedSampler(data, num_replicas=ranks, rank=rank, seed=5)
            if kind == "distributed"
            else EpochOrder(5, ranks=ranks, rank=rank)
        )
        return DataLoader(data, batch_size=size, sampler=sampler)

    done: list[int] = []
    first = clock = sb.StepClock()
    for rank in range(before):
        seen: list[list[int]] = [[]]
        shared = loader(before, rank, 6)
        first = clock_for(shared, epochs=1, until="4ba")
        train(first, shared, seen)
        done += seen[0]
    assert len(done) == len(set(done)) == first.sample == 4 * 6 * before
    left: list[int] = []
    for rank in range(after):
        seen = [[]]
        shared = loader(after, rank, 5)
        clock = clock_for(shared, epochs=1)
        clock.load_state_dict(first.state_dict())
        train(clock, shared, seen)
        left += seen[0]
    assert set(done) | set(left) == set(range(SAMPLES))
    copies = len(left) - (SAMPLES - len(done))
    assert 0 <= copies < after
    assert len(set(left) & set(done)) <= copies
    assert clock.sample == SAMPLES


def test_the_order_is_one_permutation_for_any_batch_size_and_ranks() -> None:
    order = EpochOrder(11, SAMPLES)
    epochs = []
    for epoch in range(3):
        order.set_epoch(epoch)
        epochs.append(list(order))
        assert sorted(epochs[-1]) == list(range(SAMPLES))
    assert len({tuple(epoch) for epoch in epochs}) == 3
    order.set_epoch(0)
    for ranks in (1, 2, 5):
        shares = [list(order.shared(ranks, rank)) for rank in range(ranks)]
        together = [index for row in zip(*shares, strict=True) for index in row]
        assert together[:SAMPLES] == epochs[0]
        assert together[SAMPLES:] == epochs[0][: len(together) - SAMPLES]
    assert list(EpochOrder(12, SAMPLES)) != epochs[0]


def test_what_a_seed_yields_never_changes() -> None:
    """Runs that were saved rest on it."""
    order = EpochOrder(42, 10)
    order.set_epoch(1)
    assert list(order) == [0, 1, 2, 7, 8, 9, 6, 5, 4, 3]


def test_it_begins_at_once_far_in_an_epoch() -> None:
    data = Numbers(10_000_000)
    clock = sb.StepClock(samples=10_000_000, batch_size=100, epochs=1, initial="9_000_000sp")
    loader = DataLoader(data, batch_size=100, sampler=EpochOrder(1))
    clock.begin_epoch()
    # PyTorch's own threads may be busy.
    begun = time.thread_time()
    rest = clock.rest(loader)
    batch = next(iter(rest))
    took = time.thread_time() - begun
    assert took < 0.5, "to draw the nine million indices that are done takes four times as long"
    assert (len(batch), len(rest), len(data.loaded)) == (100, 10_000, 100)


def test_a_list_of_batches_goes_on_with_the_next_one() -> None:
    data = Numbers(10)
    batches = [[9, 8, 7], [6, 5], [4, 3, 2], [1, 0]]
    loader = DataLoader(data, batch_sampler=batches)
    clock = clock_for(loader, epochs=1, until="2ba")
    seen: list[list[int]] = [[]]
    train(clock, loader, seen)
    again = clock_for(loader, epochs=1)
    again.load_state_dict(clock.state_dict())
    train(again, loader, seen)
    assert seen[0] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]


def stateful(data: Any, **options: Any) -> StatefulDataLoader[Any]:
    with warnings.catch_warnings():
        # torchdata asks PyTorch for something that it deprecates.
        warnings.filterwarnings("ignore", ".*set_vital", UserWarning)
        return StatefulDataLoader(data, batch_size=10, **options)


class Stream(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(SAMPLES))


class Custom(SequentialSampler):
    """A sampler of somebody's own."""


UNKNOWN: dict[str, tuple[Any, str]] = {
    "global generator": (lambda data: DataLoader(data, batch_size=10, shuffle=True), "global generator.*EpochOrder"),
    "stream": (lambda data: DataLoader(Stream(), batch_size=10), "IterableDataset.*StatefulDataLoader"),
    "weighted": (
        lambda data: DataLoader(data, batch_size=10, sampler=WeightedRandomSampler([1.0] * SAMPLES, SAMPLES)),
        "a WeightedRandomSampler says the order",
    ),
    "custom": (lambda data: DataLoader(data, batch_size=10, sampler=Custom(data)), "a Custom says the order"),
    "stateful": (
        lambda data: stateful(data, shuffle=True, generator=seeded()),
        "once its own state is loaded",
    ),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_a_loader_whose_order_nobody_knows_says_why(kind: str) -> None:
    make, why = UNKNOWN[kind]
    clock = sb.StepClock(samples=SAMPLES, batch_size=10, epochs=1, initial="3ba")
    clock.begin_epoch()
    with pytest.raises(ValueError, match=why):
        clock.rest(make(Numbers()))


def test_a_generator_whose_state_was_not_saved_is_refused_in_a_later_epoch() -> None:
    clock = sb.StepClock(samples=SAMPLES, batch_size=10, epochs=3, initial="25ba")
    clock.begin_epoch()
    with pytest.raises(ValueError, match=r"state of the generator .* clock\.batches\(loader\)"):
        clock.rest(KNOWN["shuffled"](Numbers(), 10))


def test_a_stateful_loader_that_was_restored_is_its_own_rest() -> None:
    loader = stateful(Numbers())
    clock = clock_for(loader, epochs=1)
    seen: list[int] = []
    state: dict[str, Any] = {}
    for _ in clock.epochs():
        for batch in clock.batches(loader):
            seen += batch.tolist()
            if clock.batch == 3:
                state = {"clock": clock.state_dict(), "loader": loader.state_dict()}
                break
    again = stateful(Numbers())
    again.load_state_dict(state["loader"])
    clock = clock_for(again, epochs=1)
    clock.load_state_dict(state["clock"])
    for _ in clock.epochs():
        for batch in clock.batches(clock.rest(again)):
            seen += batch.tolist()
    assert seen == list(range(SAMPLES))
    assert clock.sample == SAMPLES
