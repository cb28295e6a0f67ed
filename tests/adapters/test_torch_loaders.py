"""The clock that a loader needs, judged by iterating the real loader and counting what comes out."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

import stepbridge as sb
from adapters.torch_datasets import Indices, SizedStream, Stream
from adapters.torch_processes import workers
from stepbridge.adapters.torch import clock_for

if TYPE_CHECKING:
    from collections.abc import Iterator


def run(clock: sb.StepClock, loader: Any, epochs: int = 2) -> list[list[int]]:
    """Runs the loop; returns the sizes of the batches that came, one list for each epoch."""
    return [[len(batch) for batch in clock.batches(loader)] for _ in clock.epochs(epochs)]


MAP_LOADERS = {
    "even": lambda: DataLoader(Indices(12), batch_size=4),
    "partial": lambda: DataLoader(Indices(10), batch_size=4, shuffle=True),
    "drop_last": lambda: DataLoader(Indices(10), batch_size=4, drop_last=True),
    "one batch": lambda: DataLoader(Indices(3), batch_size=8),
    "batch_size 1": lambda: DataLoader(Indices(3)),
    "workers": lambda: DataLoader(Indices(10), batch_size=4, **workers(2)),
    "subset": lambda: DataLoader(Indices(10), batch_size=4, sampler=SubsetRandomSampler(range(7))),
    "oversampled": lambda: DataLoader(
        Indices(10), batch_size=4, sampler=RandomSampler(Indices(10), replacement=True, num_samples=17)
    ),
    "weighted": lambda: DataLoader(Indices(3), batch_size=4, sampler=WeightedRandomSampler([1.0, 1.0, 2.0], 9)),
    "batch sampler": lambda: DataLoader(
        Indices(10), batch_sampler=BatchSampler(SequentialSampler(Indices(10)), 3, drop_last=False)
    ),
}


@pytest.mark.parametrize("name", MAP_LOADERS)
def test_a_map_dataset_is_known_beforehand(name: str) -> None:
    loader = MAP_LOADERS[name]()
    clock = clock_for(loader, epochs=2)
    planned = clock.timeline
    sizes = run(clock, loader)
    assert (planned.batches, planned.samples) == (sum(map(len, sizes)), sum(map(sum, sizes)))
    assert planned.epochs == 2
    assert clock.timeline == planned
    assert clock.sample == planned.samples
    assert clock.padding == 0


def test_a_stateful_data_loader_is_a_loader() -> None:
    stateful = pytest.importorskip("torchdata.stateful_dataloader")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*set_vital", UserWarning)
        loader = stateful.StatefulDataLoader(Indices(10), batch_size=4)
    assert clock_for(loader, epochs=2).timeline == clock_for(MAP_LOADERS["partial"](), epochs=2).timeline


def test_a_stateful_data_loader_that_lightning_makes_anew() -> None:
    """It is given torchdata's batch sampler, whose batches are of one size."""
    stateful = pytest.importorskip("torchdata.stateful_dataloader")
    sampler: DistributedSampler[int] = DistributedSampler(Indices(14), num_replicas=2, rank=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*set_vital", UserWarning)
        batches = type(stateful.StatefulDataLoader(Indices(14), batch_size=2).batch_sampler)(sampler, 2, False)
        loader = stateful.StatefulDataLoader(Indices(14), batch_sampler=batches)
    assert clock_for(loader, epochs=2).plan == sb.Timeline.plan(samples=14, batch_size=4, epochs=2)


class Buckets(Sampler[list[int]]):
    """A batch sampler of one's own: batches of all sizes."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes

    def __len__(self) -> int:
        return len(self.sizes)

    def __iter__(self) -> Iterator[list[int]]:
        numbers = itertools.count()
        for size in self.sizes:
            yield list(itertools.islice(numbers, size))


class Regrouped(BatchSampler):
    """What derives from BatchSampler may still yield anything."""

    def __iter__(self) -> Iterator[list[int]]:
        yield from ([0], [1, 2, 3], [4])

    def __len__(self) -> int:
        return 3


@pytest.mark.parametrize(
    "batch_sampler",
    [Buckets([3, 1, 4]), Regrouped(SequentialSampler(Indices(5)), 2, drop_last=False)],
    ids=["own", "derived"],
)
def test_a_batch_sampler_of_ones_own_has_a_length_and_no_size(batch_sampler: Any) -> None:
    loader = DataLoader(Indices(20), batch_sampler=batch_sampler)
    clock = clock_for(loader, epochs=2)
    assert clock.timeline.batches == 6
    assert run(clock, loader)[0] != []
    assert (clock.batch, clock.sample) == (6, None)  # no wrong number


def test_a_loader_without_batching_takes_items_for_batches() -> None:
    loader = DataLoader(Indices(5), batch_size=None)
    clock = clock_for(loader, epochs=1)
    for _ in clock.epochs():
        assert [int(item) for item in clock.batches(loader)] == [0, 1, 2, 3, 4]
    assert (clock.batch, clock.sample) == (5, None)


class Endless(Sampler[int]):
    """A sampler without a length."""

    def __iter__(self) -> Iterator[int]:
        return iter(range(7))


def test_a_sampler_without_a_length() -> None:
    for drop_last, samples in ((False, None), (True, 12)):
        loader = DataLoader(Indices(7), batch_size=3, sampler=Endless(), drop_last=drop_last)
        clock = clock_for(loader, epochs=2)
        assert clock.timeline.batches is None
        sizes = run(clock, loader)
        assert clock.batch == sum(map(len, sizes))
        assert clock.sample == samples


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize("drop_last", [False, True])
def test_a_stream_of_unknown_length_is_learned(number: int, drop_last: bool) -> None:
    loader = DataLoader(Stream(11), batch_size=3, drop_last=drop_last, **workers(number))
    assert clock_for(loader, epochs=2).timeline.batches is None
    clock = clock_for(loader, epochs=2)
    sizes = run(clock, loader)
    assert clock.timeline.batches == clock.batch == sum(map(len, sizes))
    assert clock.timeline.convert("1ep", "batch") == sb.Exact(len(sizes[0]), "ba")
    # A partial last batch cannot be known; where it is dropped, every batch is full.
    assert clock.sample == (sum(map(sum, sizes)) if drop_last else None)


@pytest.mark.parametrize("drop_last", [False, True])
def test_a_stream_that_tells_its_length_is_known(drop_last: bool) -> None:
    loader = DataLoader(SizedStream(11, 11), batch_size=3, drop_last=drop_last)
    clock = clock_for(loader, epochs=2)
    planned = clock.timeline
    sizes = run(clock, loader)
    assert planned == clock.timeline
    assert clock.sample == sum(map(sum, sizes))


@pytest.mark.parametrize(("stated", "text"), [(14, "ended after 4 batches, expected 5"), (8, "past the 3 batches")])
def test_a_stream_that_tells_a_wrong_length_is_caught(stated: int, text: str) -> None:
    loader = DataLoader(SizedStream(11, stated), batch_size=3)
    clock = clock_for(loader, epochs=1)
    with pytest.warns(sb.StepbridgeWarning, match=text):
        sizes = run(clock, loader)
    assert clock.batch == len(sizes[0]) == 4
    assert clock.timeline.convert("1ep", "batch") == sb.Exact(4, "ba")


def test_a_stream_shared_among_workers_is_not_believed() -> None:
    loader = DataLoader(SizedStream(11, 11), batch_size=3, **workers(2))  # 6 and 5: four batches, as 3 + 3, 3 + 2
    clock = clock_for(loader, epochs=1)
    assert clock.timeline.batches is None
    run(clock, loader)
    assert clock.batch == 4
    uneven = DataLoader(SizedStream(13, 13), batch_size=3, **workers(2))  # 7 and 6: len() says 5, and so it is
    assert clock_for(uneven).timeline.batches is None


def test_plain_iterables() -> None:
    assert clock_for([1, 2, 3], epochs=2).timeline.batches == 6
    assert clock_for((item for item in range(3)), epochs=2).timeline.batches is None
    clock = clock_for(iter([[1], [2]]))
    assert run(clock, iter([[1], [2]]), epochs=1) == [[1, 1]]


def test_the_rest_of_the_clock_is_passed_on() -> None:
    loader = MAP_LOADERS["partial"]()
    clock = clock_for(loader, epochs=4, accumulate=2, boundary="carry", until="3st", name="mine")
    assert clock.timeline == sb.Timeline.plan(samples=10, batch_size=4, epochs=4, accumulate=2, boundary="carry")
    assert clock.name == "mine"
    for _ in clock.epochs():
        list(clock.batches(loader))
    assert (clock.step, clock.batch) == (3, 6)


def test_a_size_that_is_given_is_believed() -> None:
    loader = DataLoader(Stream(12), batch_size=3)
    assert clock_for(loader, epochs=1, samples=12, batch_size=3).timeline.batches == 4
    assert clock_for(
        DataLoader(Indices(12), batch_size=3), batch_size=None, samples=None, batches_per_epoch=4
    )._plan == sb.Timeline.plan(batches_per_epoch=4)


def test_a_loader_without_a_batch() -> None:
    with pytest.raises(ValueError, match="no batch"):
        clock_for(DataLoader(Indices(3), batch_size=4, drop_last=True))
    loader = DataLoader(Indices(3), sampler=DistributedSampler(Indices(3), 4, 0, drop_last=True))
    with pytest.raises(ValueError, match="3 samples among 4 ranks leave 0 a rank"):
        clock_for(loader)


def shares(samples: int, ranks: int, batch_size: int, sampler_drops: bool, loader_drops: bool) -> list[Any]:
    """The loader of each rank."""
    return [
        DataLoader(
            Indices(samples),
            batch_size=batch_size,
            sampler=DistributedSampler(Indices(samples), ranks, rank, shuffle=False, drop_last=sampler_drops),
            drop_last=loader_drops,
        )
        for rank in range(ranks)
    ]


@pytest.mark.parametrize("sampler_drops", [False, True], ids=["padded", "dropped"])
@pytest.mark.parametrize("loader_drops", [False, True], ids=["partial", "full"])
def test_all_shares_by_brute_force(sampler_drops: bool, loader_drops: bool) -> None:
    """Every N to 60, R to 4, B to 5: what all ranks' samplers yield, against the plan of the clock."""
    seen = 0
    for samples, ranks, batch_size in itertools.product(range(1, 61), range(1, 5), range(1, 6)):
        loaders = shares(samples, ranks, batch_size, sampler_drops, loader_drops)
        batches = [list(loader.batch_sampler) for loader in loaders]
        passed = [index for rank in batches for batch in rank for index in batch]
        if not passed:
            with pytest.raises(ValueError, match="no batch"):
                clock_for(loaders[0])
            continue
        plans = [clock_for(loader, epochs=3) for loader in loaders]
        assert len({clock.timeline for clock in plans}) == 1
        clock, real = plans[0], len(set(passed))
        case = (samples, ranks, batch_size)
        assert {len(rank) for rank in batches} == {clock.timeline.convert("1ep", "batch").value}, case  # type: ignore[union-attr]
        assert clock.timeline.samples == 3 * real, case
        assert clock._padding_each == len(passed) - real, case
        seen += 1
    assert seen > 1000


def test_padding_is_counted_apart() -> None:
    loader = shares(10, 4, 2, False, False)[0]
    clock = clock_for(loader, epochs=2)
    for _ in clock.epochs():
        for _ in clock.batches(loader):
            pass
    assert (clock.batch, clock.sample, clock.padding) == (4, 20, 4)


def test_a_sampler_that_knows_no_ranks_is_one_ranks_share() -> None:
    clock = clock_for(DataLoader(Indices(10), batch_size=4), epochs=1, ranks=3)
    assert clock.timeline == sb.Timeline.plan(samples=30, batch_size=12, epochs=1)
    assert clock_for(DataLoader(Stream(10), batch_size=4, drop_last=True), ranks=3)._plan == sb.Timeline.plan(
        batch_size=12
    )
    # How long a rank's part of a stream is, its length does not say.
    assert clock_for(DataLoader(SizedStream(10, 10), batch_size=4), ranks=3).timeline.batches is None


def test_ranks_that_contradict_the_sampler() -> None:
    with pytest.raises(ValueError, match=r"ranks=3, but .* among 4"):
        clock_for(shares(10, 4, 2, False, False)[0], ranks=3)


def test_torchdatas_distributed_sampler() -> None:
    stateful = pytest.importorskip("torchdata.stateful_dataloader.sampler")
    sampler = stateful.StatefulDistributedSampler(Indices(10), num_replicas=4, rank=1)
    ours = clock_for(DataLoader(Indices(10), batch_size=2, sampler=sampler), epochs=3)
    assert ours.timeline == clock_for(shares(10, 4, 2, False, False)[1], epochs=3).timeline
