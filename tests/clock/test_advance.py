"""Loops that count with `advance` and `end_epoch`, and what becomes of a long history."""

from __future__ import annotations

import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepbridge import Exact, StepbridgeWarning, StepClock, Timeline
from strategies import Case, cases


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


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(Timeline.plan(batches_per_epoch=10**12, epochs=2, batch_size=3), id="inside an epoch"),
        pytest.param(Timeline.plan(batches_per_epoch=10**6, epochs=2, accumulate=7), id="past an epoch's end"),
        pytest.param(Timeline.plan(accumulate=4), id="in an epoch of unknown length"),
        pytest.param(
            Timeline.plan(batches_per_epoch=10**12, batch_size=8, epochs=1, accumulate=5)
            .change(at="7ba", accumulate=3, pending="carry")
            .change(at="1_000_000ba", batch_size=2, pending="drop", accumulate=9),
            id="over changes",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*goes on past:stepbridge.StepbridgeWarning")
def test_as_many_as_there_are_take_no_time(plan: Timeline) -> None:
    clock = StepClock(plan)
    for _ in clock.epochs(1):
        # One by one they would take days.
        begun = time.thread_time()
        clock.advance(10**12)
        assert time.thread_time() - begun < 10
        assert clock.batch == 10**12
        steps = clock.timeline.convert("1_000_000_000_000ba", "step")
        assert clock.step == (int(steps) if isinstance(steps, Exact) else steps.lower.value)  # type: ignore[union-attr]
        with pytest.raises(OverflowError, match="the number of batches would pass"):
            clock.advance(2**63 - 1)
        assert clock.batch == 10**12


@given(cases(), st.lists(st.integers(1, 9), min_size=1, max_size=20))
def test_many_at_once_are_what_they_are_one_by_one(case: Case, events: list[int]) -> None:
    at_once, singly = StepClock(case.timeline), StepClock(case.timeline)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StepbridgeWarning)  # epochs may be longer than planned, and empty
        for _ in zip(at_once.epochs(len(events)), singly.epochs(len(events)), strict=False):
            for batches in events[at_once.position.epoch :]:
                before = singly.step
                at_once.advance(batches)
                for _ in range(batches):
                    singly.advance()
                assert (at_once.batch, at_once.step, at_once.sample) == (singly.batch, singly.step, singly.sample)
                assert (at_once.location, at_once.position) == (singly.location, singly.position)
                assert at_once.closes_step == (singly.step > before)
                assert at_once.timeline == singly.timeline
                if at_once.position.iter == 0:
                    break


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


MILLION = """
import re
from stepbridge import StepClock

def resident():
    return int(re.search("VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])

clock = StepClock(batches_per_epoch=2)
epochs = clock.epochs(1_002_000)
for _ in range(1000):
    next(epochs)
    clock.advance(2)
before = resident()
for _ in range(1_000_000):
    next(epochs)
    clock.advance(2)
print(resident() - before, clock.step, len(clock.timeline.to_json()))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc says how much memory is held")
def test_a_million_regular_epochs_stay_small() -> None:
    # In a process of its own: what other tests hold and free would count too.
    done = subprocess.run([sys.executable, "-c", MILLION], capture_output=True, text=True, check=True, timeout=600)
    more, step, characters = map(int, done.stdout.split())
    # One reference an epoch would be 8 MB.
    assert more < 4096, f"{more} KB for a million epochs"
    assert step == 2_002_000
    assert characters < 1000
