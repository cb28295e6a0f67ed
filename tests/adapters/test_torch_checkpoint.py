"""The clock in a real checkpoint: saved next to the model, loaded as data alone, resumed with something changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils.data import DataLoader

import stepbridge as sb
from adapters.torch_training import Training, seeded
from stepbridge.adapters.torch import clock_for

if TYPE_CHECKING:
    from pathlib import Path


def plain(indices: range, batch_size: int) -> DataLoader[int]:
    """The numbers in their order."""
    return DataLoader(list(indices), batch_size)  # type: ignore[arg-type]


def test_a_resumed_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    def fresh() -> Training:
        torch.manual_seed(0)
        return Training(clock_for(seeded(10, 4), epochs=3))

    whole = fresh().run(lambda epoch: seeded(10, 4, epoch))
    fresh().run(lambda epoch: seeded(10, 4, epoch), stop=5).save(tmp_path / "checkpoint.pt")
    resumed = fresh()
    resumed.load(tmp_path / "checkpoint.pt")
    resumed.run(lambda epoch: seeded(10, 4, epoch), resume="skip")
    assert torch.equal(resumed.model.weight, whole.model.weight)
    assert resumed.clock.state_dict() == whole.clock.state_dict()


def test_a_resume_at_a_boundary_asks_nothing(tmp_path: Path) -> None:
    first = Training(clock_for(plain(range(10), 4), epochs=3)).run(lambda _: plain(range(10), 4), stop=3)
    assert first.clock.position == (1, 0)
    first.save(tmp_path / "checkpoint.pt")
    second = Training(clock_for(plain(range(10), 4), epochs=3))
    second.load(tmp_path / "checkpoint.pt")
    second.run(lambda _: plain(range(10), 4))
    assert (second.clock.batch, second.clock.sample, second.clock.applied) == (9, 30, 9)


def test_another_batch_size_in_mid_epoch(tmp_path: Path) -> None:
    """No sample twice, none lost, and the epochs end where they should."""
    first = Training(clock_for(plain(range(100), 10), epochs=3)).run(lambda _: plain(range(100), 10), stop=13)
    first.save(tmp_path / "checkpoint.pt")
    second = Training(clock_for(plain(range(100), 20), epochs=3))
    second.load(tmp_path / "checkpoint.pt")
    clock = second.clock
    assert (clock.sample, clock.step) == (130, 13)
    for _ in clock.epochs():
        left = range((clock.sample or 0) % 100, 100)
        for indices in clock.batches(plain(left, 20), resume="continues"):
            second.batch(indices)
    passed = [index for batch in first.passed + second.passed for index in batch]
    assert passed == list(range(100)) * 3
    assert [len(batch) for batch in second.passed] == [20, 20, 20, 10, *[20] * 5]
    assert (clock.sample, clock.batch, clock.applied) == (300, 13 + 4 + 5, 13 + second.updates)
    assert clock.timeline.convert("2ep", "batch") == sb.Exact(17, "ba")


def test_another_batch_size_at_a_boundary(tmp_path: Path) -> None:
    first = Training(clock_for(plain(range(100), 10), epochs=3)).run(lambda _: plain(range(100), 10), stop=10)
    first.save(tmp_path / "checkpoint.pt")
    second = Training(clock_for(plain(range(100), 25), epochs=3))
    second.load(tmp_path / "checkpoint.pt")
    second.run(lambda _: plain(range(100), 25))
    assert (second.clock.batch, second.clock.sample) == (10 + 4 + 4, 300)


def test_another_accumulation(tmp_path: Path) -> None:
    first = Training(clock_for(plain(range(24), 2), epochs=2)).run(lambda _: plain(range(24), 2), stop=6)
    first.save(tmp_path / "checkpoint.pt")
    second = Training(clock_for(plain(range(24), 2), epochs=2, accumulate=3))
    second.load(tmp_path / "checkpoint.pt")
    second.run(lambda _: plain(range(24), 2), resume="skip")
    assert second.clock.step == second.clock.applied == 6 + 2 + 4
    assert second.updates == 2 + 4


def test_another_data_set_is_another_run_unless_told(tmp_path: Path) -> None:
    Training(clock_for(plain(range(24), 2), epochs=2)).run(lambda _: plain(range(24), 2), stop=12).save(
        tmp_path / "checkpoint.pt"
    )
    second = Training(clock_for(plain(range(30), 2), epochs=2))
    with pytest.raises(ValueError, match="samples=24 there, 30 here"):
        second.load(tmp_path / "checkpoint.pt")
    second.load(tmp_path / "checkpoint.pt", changed=True)
    second.run(lambda _: plain(range(30), 2))
    assert (second.clock.sample, second.clock.batch) == (24 + 30, 12 + 15)


def test_a_checkpoint_without_a_clock_is_adopted(tmp_path: Path) -> None:
    """A run of 5 epochs of 5 batches, stopped after step 13, whose author saved the model alone."""
    old = Training(clock_for(plain(range(20), 4), epochs=5)).run(lambda _: plain(range(20), 4), stop=13)
    torch.save({"model": old.model.state_dict(), "optimizer": old.optimizer.state_dict()}, tmp_path / "old.pt")
    for initial in ("13st", "13ba", "52sp"):
        adopted = Training(clock_for(plain(range(20), 4), epochs=5, initial=initial))
        state: dict[str, Any] = torch.load(tmp_path / "old.pt", weights_only=True)
        adopted.model.load_state_dict(state["model"])
        assert (adopted.clock.position, adopted.clock.sample) == ((2, 3), 52)
        adopted.run(lambda _: plain(range(20), 4), resume="skip")
        assert old.passed + adopted.passed == [list(range(n, n + 4)) for n in range(0, 20, 4)] * 5
        assert (adopted.clock.step, adopted.clock.applied) == (25, 25)


def test_the_state_holds_nothing_but_data() -> None:
    training = Training(clock_for(plain(range(8), 4), epochs=1)).run(lambda _: plain(range(8), 4))

    def check(value: object) -> None:
        assert type(value) in {int, str, dict, list, bool, type(None)}
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(inner)

    check(training.clock.state_dict())
