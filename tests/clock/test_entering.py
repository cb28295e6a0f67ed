"""Epochs that a loop enters elsewhere: what is trained again or never, in clock, timeline, state and ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb

if TYPE_CHECKING:
    from pathlib import Path


def entered(samples: int, **plan: Any) -> sb.StepClock:
    """Make a clock that is 500 samples into epoch 1 of 1000 each, and enter that epoch at another sample."""
    clock = sb.StepClock(samples=1000, batch_size=100, epochs=4, **plan)
    clock.begin_epoch()
    clock.advance(10)
    clock.end_epoch()
    clock.begin_epoch()
    clock.advance(5)
    clock.begin_epoch(1, sample=samples)
    return clock


@pytest.mark.parametrize(
    ("sample", "repeated", "left_out", "batches"),
    [(300, 200, 0, 7), (0, 500, 0, 10), (700, 0, 200, 3), (750, 0, 250, 3), (999, 0, 499, 1)],
)
def test_the_epoch_keeps_its_number_and_has_what_was_trained(
    sample: int, repeated: int, left_out: int, batches: int, tmp_path: Path
) -> None:
    what = "trained again" if repeated else "never trained"
    with pytest.warns(sb.StepbridgeWarning, match=f"epoch 1 .* {what}") as warned:
        clock = entered(sample, ledger=tmp_path)
    assert len(warned) == 1
    assert (int(clock.repeated), int(clock.left_out)) == (repeated, left_out)
    assert clock.position == (1, 5)
    clock.advance(batches)
    assert clock.position == (2, 0)
    assert clock.sample == 1000 + 500 + (1000 - sample)
    clock.end_epoch()
    clock.begin_epoch(2)
    assert clock.position == (2, 0)
    clock.advance(10)
    clock.end_epoch()
    clock.end_run()
    assert clock.timeline.samples == 2500 + (1000 - sample) + 1000
    (session,) = sb.read_ledger(tmp_path).sessions
    assert session.timeline == clock.timeline
    assert session.sample == clock.sample
    assert session.entries == (sb.EpochEntry(15, 1, "sp", sample, repeated, left_out),)


def test_the_point_that_was_reached_is_no_event(tmp_path: Path) -> None:
    clock = entered(500, ledger=tmp_path)
    assert (int(clock.repeated), int(clock.left_out)) == (0, 0)
    clock.end_run()
    assert sb.read_ledger(tmp_path).sessions[0].entries == ()


def test_a_later_epoch_leaves_out_what_lies_between() -> None:
    clock = sb.StepClock(samples=1000, batch_size=100, epochs=5)
    clock.begin_epoch()
    clock.advance(4)
    with pytest.warns(sb.StepbridgeWarning, match="600sp is never trained") as warned:
        clock.begin_epoch(3, sample=200)
    assert len(warned) == 1, "it is warned once; clock.left_out has all of it"
    assert clock.left_out == 600 + 2 * 1000 + 200
    assert clock.position == (3, 0)
    clock.advance(8)
    clock.end_epoch()
    assert (clock.sample, clock.position) == (1200, (4, 0))


def test_an_epoch_that_was_whole_is_trained_again() -> None:
    clock = sb.StepClock(samples=1000, batch_size=300, epochs=2, accumulate=3)
    clock.begin_epoch()
    clock.advance(4)
    assert clock.step == 2
    with pytest.warns(sb.StepbridgeWarning, match="1000sp is trained again"):
        clock.begin_epoch(0, sample=0)
    assert (clock.position, clock.step, int(clock.repeated)) == ((0, 4), 2, 1000)
    clock.advance(4)
    assert (clock.position, clock.sample, clock.step) == ((1, 0), 2000, 4)


def test_batches_where_samples_are_not_known() -> None:
    clock = sb.StepClock(batches_per_epoch=10, epochs=2)
    clock.begin_epoch()
    clock.advance(6)
    with pytest.warns(sb.StepbridgeWarning, match="2ba is trained again"):
        clock.begin_epoch(0, batch=4)
    assert (clock.repeated, clock.position) == (sb.Quantity(2, "ba"), (0, 6))
    clock.advance(6)
    assert clock.position == (1, 0)


def test_a_loop_that_goes_on_and_then_back_counts_each_sample_once() -> None:
    clock = sb.StepClock(samples=40, batch_size=1, epochs=3)
    clock.begin_epoch()
    clock.advance(10)
    clock.begin_epoch(0, sample=20, tell=False)
    assert (int(clock.repeated), int(clock.left_out)) == (0, 10)
    clock.advance(5)
    clock.begin_epoch(0, sample=12, tell=False)
    # 0 to 9 and 20 to 24 are trained. It goes on from 12: 10 and 11 never come, and 20 to 24 will come again.
    assert (int(clock.repeated), int(clock.left_out)) == (5, 2)
    again = sb.StepClock()
    again.load_state_dict(clock.state_dict())
    for each in (clock, again):
        each.begin_epoch(0)
        each.advance(3)
        each.end_epoch(leaves_out=True)
        # It left the epoch at 15, before anything came again.
        assert (int(each.repeated), int(each.left_out), each.sample) == (0, 40 - 10 - 5 - 3, 18)


@pytest.mark.parametrize(
    "parts", [[[1, 2], [3, 4]], [[2, 1], [0]], "x", [[1.5, 2], [0]], [[-1]], [1], [[1, 2, 3], [0]], {"a": 1}]
)
def test_parts_that_no_state_has_are_refused(parts: object) -> None:
    clock = sb.StepClock(samples=40, batch_size=1, epochs=3)
    with pytest.raises(sb.TimelineError, match="it was not made by state_dict"):
        clock.load_state_dict(clock.state_dict() | {"trained": parts})


def test_an_entry_before_the_first_batch_outlives_two_resumes() -> None:
    clock = sb.StepClock(samples=20, batch_size=1, epochs=2)
    clock.begin_epoch(0, sample=10, tell=False)
    for _ in range(2):
        state = clock.state_dict()
        clock = sb.StepClock(samples=20, batch_size=2, epochs=2)
        clock.load_state_dict(state)
    clock.begin_epoch()
    clock.advance(5)
    assert (clock.sample, clock.position, int(clock.left_out)) == (10, (1, 0), 10)
