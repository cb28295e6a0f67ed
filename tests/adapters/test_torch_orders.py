"""The order of an epoch: a resumed loader has the one that the epoch began in, or the clock says that it has not."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, DistributedSampler, RandomSampler, SequentialSampler

import stepbridge as sb
from stepbridge.adapters.torch import EpochOrder, clock_for

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLES = 103


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by(sampler: Any, size: int = 10) -> DataLoader[Any]:
    return DataLoader(range(SAMPLES), batch_size=size, sampler=sampler)  # type: ignore[arg-type]


def shared(epoch: int, *, shuffle: bool = True, seed: int = 0) -> DistributedSampler[Any]:
    data: Any = range(SAMPLES)
    sampler: DistributedSampler[Any] = DistributedSampler(data, 1, 0, shuffle=shuffle, seed=seed)
    sampler.set_epoch(epoch)
    return sampler


class Backwards(SequentialSampler):
    """A sampler of somebody's own."""

    def __iter__(self) -> Any:
        return iter(range(SAMPLES - 1, -1, -1))


#: What the run had, and what the resumed process gives.
OTHERS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "another seed": (lambda: EpochOrder(1), lambda: EpochOrder(2)),
    "another seed of ranks": (lambda: shared(1, seed=4), lambda: shared(1, seed=5)),
    "no set_epoch": (lambda: shared(1), lambda: shared(0)),
    "no shuffle any more": (lambda: RandomSampler(range(SAMPLES), generator=generator(1)), lambda: None),
    "a shuffle that was not": (lambda: None, lambda: RandomSampler(range(SAMPLES), generator=generator(1))),
    "no shuffle of ranks": (lambda: shared(1), lambda: shared(1, shuffle=False)),
    "another sampler": (lambda: Backwards(range(SAMPLES)), lambda: None),
    "another kind": (lambda: EpochOrder(1), lambda: shared(1)),
}


def stopped(loader: DataLoader[Any], until: str = "14ba") -> tuple[dict[str, Any], list[int]]:
    """Train to the middle of an epoch; return the state and what is done of that epoch."""
    clock = clock_for(loader, epochs=2, until=until)
    seen: list[int] = []
    for _ in clock.epochs():
        seen = []
        for batch in clock.batches(loader):
            seen += batch.tolist()
    return json.loads(json.dumps(clock.state_dict())), seen


@pytest.mark.parametrize("kind", OTHERS)
def test_another_order_is_refused_by_rest_and_named_by_skip(kind: str) -> None:
    before, after = OTHERS[kind]
    state, _ = stopped(by(before()), until="14ba")
    clock = clock_for(by(after()), epochs=2)
    clock.load_state_dict(state)
    assert clock.begin_epoch()
    with pytest.raises(ValueError, match=r"another order than the loader has .* there, .* here\): give it the sampler"):
        clock.rest(by(after()))
    with pytest.warns(sb.StepbridgeWarning, match="which are not those that are done: take"):
        clock.batches(by(after()), resume="skip")


@pytest.mark.parametrize(
    "sampler", [lambda: EpochOrder(1), lambda: shared(1), lambda: shared(1, shuffle=False), lambda: None]
)
def test_the_same_order_is_taken_in_silence(sampler: Any) -> None:
    state, done = stopped(by(sampler()))
    for skips in (True, False):
        clock = clock_for(by(sampler()), epochs=2)
        clock.load_state_dict(state)
        clock.begin_epoch()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            loader = by(sampler())
            left = clock.batches(loader, resume="skip") if skips else clock.batches(clock.rest(loader))
            trained = [index for batch in left for index in batch.tolist()]
        assert sorted(done + trained) == list(range(SAMPLES))


def test_an_epoch_that_begins_again_has_the_order_of_then() -> None:
    """A second resume inside it restores the second shuffle."""

    def loader(seed: int) -> DataLoader[Any]:
        return DataLoader(range(SAMPLES), batch_size=10, shuffle=True, generator=generator(seed))  # type: ignore[arg-type]

    state, _ = stopped(loader(1), until="3ba")
    clock = clock_for(loader(2), epochs=1, until="7ba")
    clock.load_state_dict(state)
    trained: list[int] = []
    for _ in clock.epochs():
        for batch in clock.batches(loader(2), resume="restart"):
            trained += batch.tolist()
    assert len(trained) == 40
    again = clock_for(loader(3), epochs=1)
    again.load_state_dict(clock.state_dict())
    for _ in again.epochs():
        for batch in again.batches(again.rest(loader(3))):
            trained += batch.tolist()
    assert sorted(trained) == list(range(SAMPLES))


def test_a_loader_over_other_data_has_no_rest() -> None:
    clock = sb.StepClock(samples=SAMPLES, batch_size=10, epochs=2, initial="3ba")
    clock.begin_epoch()
    for size in (SAMPLES - 1, SAMPLES + 1, 20):
        data: Any = range(size)
        for loader in (DataLoader(data, 10), DataLoader(data, 10, sampler=EpochOrder(1))):
            with pytest.raises(ValueError, match=rf"the loader has {size} samples, .* planned with {SAMPLES}"):
                clock.rest(loader)
    dropping: DataLoader[Any] = DataLoader(range(105), 10, drop_last=True)  # type: ignore[arg-type]
    clock = sb.StepClock(samples=100, batch_size=10, epochs=2, initial="3ba")
    clock.begin_epoch()
    assert len(clock.rest(dropping)) == 7


class OfBatches(Dataset[Any]):
    """A data set that takes a whole batch of indices, as one that reads from a file of records does."""

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, indices: Any) -> Any:
        return torch.tensor(indices)


@pytest.mark.parametrize("size", [10, 7])
def test_a_sampler_of_batches_in_place_of_one_of_samples(size: int) -> None:
    def loader(size: int) -> DataLoader[Any]:
        data = OfBatches()
        samples = RandomSampler(data, generator=generator(7))
        return DataLoader(data, batch_size=None, sampler=BatchSampler(samples, size, drop_last=False))

    state, done = stopped(loader(10), until="3ba")
    clock = clock_for(loader(size), epochs=1)
    clock.load_state_dict(state)
    for _ in clock.epochs():
        for batch in clock.batches(clock.rest(loader(size))):
            assert len(batch) == size or clock.finished
            done += batch.tolist()
    assert sorted(done) == list(range(SAMPLES))
    assert clock.sample == SAMPLES
