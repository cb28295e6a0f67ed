"""Loops that count with `advance` and `end_epoch`, and what becomes of a long history."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepbridge import StepbridgeWarning, StepClock


def lengths(clock: StepClock) -> list[int]:
    """Batches of each epoch, by asking where each batch is."""
    epochs = [clock.timeline.locate(batch, unit="batch").epoch for batch in range(clock.batch)]
    return [epochs.count(epoch) for epoch in sorted(set(epochs))]


def test_outside_epochs() -> None:
    clock = StepClock(batches_per_epoch=3, epochs=1)
    with pytest.raises(RuntimeError, match=r"advance\(\) belongs inside `for epoch in clock.epochs\(\):`"):
        clock.advance()
    assert clock.batch == 0


@pytest.mark.parametrize(("batches", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError)])
def test_what_is_no_count(batches: object, error: type[Exception]) -> None:
    clock = StepClock(batches_per_epoch=3, epochs=1)
    for _ in clock.epochs():
        with pytest.raises(error, match="batches"):
            clock.advance(batches)  # type: ignore[arg-type]
        assert clock.batch == 0
        clock.advance(3)


def test_more_than_planned() -> None:
    clock = StepClock(batches_per_epoch=3, epochs=1)
    for _ in clock.epochs():
        with pytest.warns(StepbridgeWarning, match="past the 3 batches"):
            clock.advance(4)
    assert clock.batch == 4


def test_fewer_than_planned() -> None:
    clock = StepClock(batches_per_epoch=3, epochs=2)
    for epoch in clock.epochs():
        clock.advance(2)
        with pytest.warns(StepbridgeWarning, match=f"epoch {epoch} .* ended after 2 batches, expected 3"):
            clock.end_epoch()
    assert clock.batch == 4
    assert lengths(clock) == [2, 2]


def test_an_unplanned_length_is_learnt() -> None:
    clock = StepClock(epochs=2)
    for _ in clock.epochs():
        clock.advance(5)
        clock.end_epoch()
    assert lengths(clock) == [5, 5]


def resident() -> int:
    """Kilobytes that this process holds now: a peak would hide what stays below an earlier one."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc says how much memory is held")
def test_a_million_regular_epochs_stay_small() -> None:
    clock = StepClock(batches_per_epoch=2)
    epochs = clock.epochs(1_002_000)
    for _ in range(1000):
        next(epochs)
        clock.advance(2)
    before = resident()
    for _ in range(1_000_000):
        next(epochs)
        clock.advance(2)
    more = resident() - before
    assert more < 1024, f"{more} KB for a million epochs"
    assert clock.step == 2_002_000
    assert len(clock.timeline.to_json()) < 1000
