"""`clock.batches` over the real loaders: their order is kept, every batch is counted, and a resume loses nothing."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

import stepbridge as sb
from adapters.torch_datasets import Indices
from adapters.torch_processes import workers
from adapters.torch_training import Training, seeded
from stepbridge.adapters.torch import clock_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

stateful = pytest.importorskip("torchdata.stateful_dataloader")


def stateful_loader(length: int, batch_size: int, **options: Any) -> Any:
    """A shuffled StatefulDataLoader; torchdata 0.11 calls something that torch has deprecated since."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*set_vital", UserWarning)
        return stateful.StatefulDataLoader(Indices(length), batch_size, shuffle=True, **options)


class Growing(IterableDataset[int]):
    """A stream that is longer in each epoch."""

    def __init__(self) -> None:
        self.length = 5

    def __iter__(self) -> Iterator[int]:
        self.length += 3
        return iter(range(self.length))


@pytest.mark.parametrize("number", [0, 2])
def test_a_data_loader_is_counted_as_it_comes(number: int) -> None:
    training = Training(clock_for(seeded(10, 4), epochs=2))
    training.run(lambda epoch: seeded(10, 4, epoch, **workers(number)))
    assert training.passed == [batch.tolist() for epoch in range(2) for batch in seeded(10, 4, epoch)]
    clock = training.clock
    assert (clock.batch, clock.step, clock.applied) == (6, 6, training.updates)
    assert clock.sample == sum(map(len, training.passed)) == 20


def test_persistent_workers_over_epochs() -> None:
    loader = DataLoader(Indices(10), 4, persistent_workers=True, **workers(2))
    training = Training(clock_for(loader, epochs=3)).run(lambda _: loader)
    assert (training.clock.batch, training.clock.sample) == (9, 30)


def test_epochs_of_different_lengths_are_learned() -> None:
    loader = DataLoader(Growing(), 4)
    clock = clock_for(loader)
    assert [len(list(clock.batches(loader))) for _ in clock.epochs(3)] == [2, 3, 4]
    assert clock.timeline.locate(range(9))[0].tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize("boundary", ["flush", "carry", "drop"])
def test_accumulation_over_a_stream(boundary: Any) -> None:
    """Updates that changed a weight, against the rule: 2, 3 and 4 batches, 2 a step."""
    loader = DataLoader(Growing(), 4)
    training = Training(clock_for(loader, accumulate=2, boundary=boundary))
    for _ in training.clock.epochs(3):
        for indices in training.clock.batches(loader):
            training.batch(indices)
        if boundary == "drop":
            training.optimizer.zero_grad()
    expected = {"flush": 1 + 2 + 2, "carry": 9 // 2, "drop": 1 + 1 + 2}[boundary]
    assert training.clock.step == training.clock.applied == training.updates == expected


@pytest.mark.parametrize("stop", range(1, 9))
def test_a_resume_that_skips_on_a_seeded_loader(stop: int, tmp_path: Path) -> None:
    def fresh() -> Training:
        return Training(clock_for(seeded(10, 4), epochs=3))

    whole = fresh().run(lambda epoch: seeded(10, 4, epoch))
    first = fresh().run(lambda epoch: seeded(10, 4, epoch), stop=stop)
    first.save(tmp_path / "checkpoint.pt")
    second = fresh()
    second.load(tmp_path / "checkpoint.pt")
    second.run(lambda epoch: seeded(10, 4, epoch), resume="skip")
    assert first.passed + second.passed == whole.passed
    assert second.clock.timeline == whole.clock.timeline
    assert (second.clock.sample, second.clock.applied) == (30, 9)


def test_a_plain_loader_resumed_in_the_middle_asks() -> None:
    first = Training(clock_for(seeded(10, 4), epochs=2)).run(lambda epoch: seeded(10, 4, epoch), stop=2)
    second = clock_for(seeded(10, 4), epochs=2)
    second.load_state_dict(first.clock.state_dict())
    for _ in second.epochs():
        with pytest.raises(ValueError, match=r"after 2 batches.*continues.*skip.*restart"):
            second.batches(seeded(10, 4))
        break


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize("stop", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("planned", [True, False], ids=["planned", "learned"])
def test_a_stateful_data_loader_goes_on_by_itself(planned: bool, stop: int, number: int, tmp_path: Path) -> None:
    """It is saved next to the clock: in mid-epoch, and in the body of an epoch's last batch."""

    def fresh() -> tuple[Training, Any]:
        loader = stateful_loader(10, 4, **workers(number))
        return Training(clock_for(loader, epochs=2) if planned else sb.StepClock(epochs=2)), loader

    torch.manual_seed(7)
    first, loader = fresh()
    first.run(lambda _: loader, stop=stop)
    first.save(tmp_path / "checkpoint.pt", loader=loader.state_dict())
    second, loader = fresh()
    state = second.load(tmp_path / "checkpoint.pt")
    loader.load_state_dict(state["loader"])
    second.run(lambda _: loader)
    passed = first.passed + second.passed
    assert [len(batch) for batch in passed] == [4, 4, 2] * 2
    for epoch in range(2):
        samples = [index for batch in passed[3 * epoch : 3 * epoch + 3] for index in batch]
        assert sorted(samples) == list(range(10))
    assert (second.clock.batch, second.clock.position) == (6, (2, 0))
    assert second.clock.timeline.locate([2, 3])[0].tolist() == [0, 1]
    assert second.clock.applied == first.updates + second.updates == 6


def test_reading_ahead_of_a_stateful_data_loader_is_told() -> None:
    """What it saves in the loop's body would be the state after the batch that comes next."""
    loader = stateful_loader(10, 4)
    clock = sb.StepClock(accumulate=2)
    with pytest.warns(sb.StepbridgeWarning, match="which is read ahead"):
        taken = [len(batch) for _ in clock.epochs(2) for batch in clock.batches(loader)]
    assert taken == [4, 4, 2] * 2
    assert clock.step == 4
    known = clock_for(loader, epochs=1, accumulate=2)
    assert [loader.state_dict()["_num_yielded"] for _ in known.epochs() for _ in known.batches(loader)] == [1, 2, 3]


def test_early_stopping_by_break() -> None:
    loader = seeded(20, 4)
    training = Training(clock_for(loader, epochs=3, accumulate=2))
    clock = training.clock
    for _ in clock.epochs():
        for indices in clock.batches(loader):
            training.batch(indices)
            if clock.at("0.6ep"):
                break
    # Three batches of five, of which two closed a step; a cut epoch flushes nothing.
    assert (clock.batch, clock.sample, clock.step, clock.applied) == (3 + 5 + 5, 52, 1 + 3 + 3, training.updates)
    assert clock.timeline.convert("1ep", "batch") == sb.Exact(3, "ba")


@pytest.mark.parametrize("until", ["5st", "30sp", "2.5ep", "50%", "7ba"])
def test_training_stops_in_any_unit(until: str) -> None:
    loader = seeded(12, 4)
    training = Training(clock_for(loader, epochs=4, until=until)).run(lambda _: loader)
    clock = training.clock
    assert clock.finished
    assert len(training.passed) == clock.batch == {"5st": 5, "30sp": 8, "2.5ep": 8, "50%": 6, "7ba": 7}[until]
    assert clock.sample == 4 * clock.batch


class Endless(IterableDataset[int]):
    """Ten samples, over and over."""

    def __iter__(self) -> Iterator[int]:
        return itertools.cycle(range(10))


@pytest.mark.parametrize("kind", ["IterableDataset", "itertools.cycle"])
def test_a_stream_is_counted_until_its_end_in_any_unit(kind: str, tmp_path: Path) -> None:
    """Batches of 4 of 10 samples run across the ends of epochs; 7 updates of 2 batches end in the sixth epoch."""
    endless = DataLoader(Endless(), 4) if kind == "IterableDataset" else itertools.cycle(DataLoader(Indices(20), 4))
    plan = sb.Timeline.stream(batch_size=4, samples=10, tokens_per_sample=3, accumulate=2)
    clock = sb.StepClock(plan, until="7st", ledger=tmp_path)
    seen: list[int] = []
    epochs: list[int] = []
    for _ in clock.epochs():
        for batch in clock.batches(endless):
            epochs.append(clock.location.epoch)
            seen += [int(sample) % 10 for sample in batch]
            assert (clock.sample, clock.token) == (len(seen), 3 * len(seen))
    # Counted sample by sample: each batch lies in the epoch of its first sample.
    assert seen == [sample % 10 for sample in range(56)]
    assert epochs == [first // 10 for first in range(0, 56, 4)]
    assert (clock.batch, clock.step, clock.sample, clock.token) == (14, 7, 56, 168)
    (ledger,) = tmp_path.glob("*.jsonl")
    assert sb.read_ledger(ledger).timeline.convert("56sp", "step") == sb.Exact(7, "st")
