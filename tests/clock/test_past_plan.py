"""Epochs that go on past their plan, changes at the end of one, and streams without a stated epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import stepbridge as sb

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:.*goes on past:stepbridge.StepbridgeWarning")


@pytest.mark.parametrize("pending", ["flush", "drop", "carry"])
@pytest.mark.parametrize("past", [1, 2, 5])
def test_a_ledger_knows_each_step_of_an_epoch_that_went_past_its_plan_and_was_changed(
    pending: Any, past: int, tmp_path: Path
) -> None:
    """The process is killed after the change: no line says how the epoch ended."""
    clock = sb.StepClock(batches_per_epoch=4, epochs=3, accumulate=3, boundary="carry", ledger=tmp_path)
    clock.begin_epoch()
    clock.advance(4 + past)
    clock.change(accumulate=5, pending=pending)
    for number in range(clock.batch + 1):
        expected = clock.convert(f"{number}ba", "step")
        assert sb.Timeline.from_ledger(tmp_path).convert(f"{number}ba", "step") == expected
        assert not isinstance(expected, sb.Undetermined)


@pytest.mark.parametrize("boundary", ["flush", "carry", "spill", "drop"])
@pytest.mark.parametrize("past", [1, 2, 5])
def test_a_process_that_is_killed_past_the_plan_leaves_a_ledger_that_says_so(
    boundary: Any, past: int, tmp_path: Path
) -> None:
    """No later line says how the epoch ended: the first batch past the plan has one."""
    clock = sb.StepClock(samples=10, batch_size=3, epochs=3, accumulate=3, boundary=boundary, ledger=tmp_path)
    clock.begin_epoch()
    for _ in range(4 + past):
        clock.advance()
        killed = sb.Timeline.from_ledger(tmp_path)
        if clock.batch <= 5:
            assert killed == clock.timeline
        else:
            assert isinstance(killed.convert(f"{clock.batch}ba", "step"), sb.Undetermined)
        for number in range(4):
            assert killed.convert(f"{number}ba", "step") == clock.convert(f"{number}ba", "step")
    assert not isinstance(sb.Timeline.from_ledger(tmp_path).convert("1ep", "step"), sb.Exact)
    clock.end_epoch()
    clock.begin_epoch()
    clock.advance(4)
    clock.end_epoch()
    assert sb.Timeline.from_ledger(tmp_path) == clock.timeline


def test_two_changes_at_one_point_past_the_plan(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=1, epochs=2, accumulate=3, boundary="drop", ledger=tmp_path)
    clock.begin_epoch()
    clock.advance(3)
    clock.change(accumulate=2, pending="flush")
    clock.change(accumulate=1)
    clock.end_run()
    assert sb.Timeline.from_ledger(tmp_path).convert("3ba", "step") == sb.Exact(1, "st") == clock.convert("3ba", "step")


def test_a_window_that_a_change_drops_at_the_very_end_is_dropped_in_the_ledger(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=4, epochs=1, accumulate=5, boundary="carry", ledger=tmp_path)
    clock.begin_epoch()
    clock.advance(4)
    clock.change(accumulate=4, pending="drop")
    assert sb.Timeline.from_ledger(tmp_path).convert("4ba", "step") == sb.Exact(0, "st") == clock.convert("4ba", "step")


@pytest.mark.parametrize("epochs", [None, 3])
def test_an_epoch_that_gets_a_length_past_its_plan_keeps_the_later_ones(epochs: int | None) -> None:
    clock = sb.StepClock(batches_per_epoch=2, epochs=epochs)
    clock.begin_epoch()
    clock.advance(3)
    clock.change(batches_per_epoch=5)
    clock.advance(2)
    clock.end_epoch()
    assert clock.timeline.epochs == epochs
    assert clock.begin_epoch()
    clock.advance(5)
    assert clock.position == sb.Position(2, 0)


def test_all_later_epochs_count_where_the_length_of_the_running_one_is_not_known() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=2, epochs=5).change(at="4ba", accumulate=2)
    clock = sb.StepClock(plan)
    clock.begin_epoch()
    clock.advance(3)
    assert clock.timeline.epochs == 5


def test_so_does_a_timeline_whose_lengths_are_not_known() -> None:
    learnt = sb.StepClock(epochs=3)
    learnt.begin_epoch()
    learnt.advance(3)
    changed = learnt.timeline.change(at="3ba", batches_per_epoch=5)
    assert (changed.epochs, changed.batches) == (3, 15)


def test_batches_past_the_end_of_the_run_come_as_a_change_there_says() -> None:
    clock = sb.StepClock(batches_per_epoch=4, epochs=1, accumulate=5, batch_size=2)
    clock.begin_epoch()
    clock.advance(4)
    clock.change(accumulate=3, batch_size=7)
    clock.advance(4)
    assert (clock.step, clock.sample) == (2, 4 * 2 + 4 * 7)


@pytest.mark.parametrize("samples", [None, 10])
def test_an_endless_stream_is_the_same_run_wherever_a_clock_is_on_it(samples: int | None, tmp_path: Path) -> None:
    plan = sb.Timeline.stream(batch_size=3, samples=samples)
    clock = sb.StepClock(plan, ledger=tmp_path)
    clock.begin_epoch()
    clock.advance(7)
    assert clock.timeline == plan
    assert hash(clock.timeline) == hash(plan)
    clock.move_to("4ba")
    assert (clock.batch, clock.sample) == (4, 12)
    clock.begin_epoch()
    clock.advance(2)
    clock.end_run()
    assert sb.Timeline.from_ledger(tmp_path) == plan
    assert sb.StepClock(plan, initial="5ba").sample == 15


def test_a_stream_that_is_over_is_resumed_and_has_a_ledger(tmp_path: Path) -> None:
    plan = sb.Timeline.stream(batch_size=1, steps=2)
    clock = sb.StepClock(plan, ledger=tmp_path)
    clock.begin_epoch()
    clock.advance(2)
    clock.end_run()
    again = sb.StepClock(plan, ledger=tmp_path)
    again.load_state_dict(clock.state_dict())
    assert list(again.epochs()) == []
    assert sb.read_ledger(tmp_path).problems == ()


def test_copies_of_an_epoch_count_from_its_last_batch_on() -> None:
    """A state that is saved there goes on with the next epoch."""
    kind: dict[str, Any] = {"samples": 10, "batch_size": 4, "epochs": 3, "padding": 2}
    clock = sb.StepClock(**kind)
    states = [clock.state_dict() for _ in clock.epochs() for _ in clock.batches(range(3))]
    assert [state["padding"] for state in states] == [0, 0, 2, 2, 2, 4, 4, 4, 6]
    for state in states:
        again = sb.StepClock(**kind)
        again.load_state_dict(state)
        for _ in again.epochs():
            for _ in again.batches(range(3), resume="skip"):
                pass
        assert again.padding == clock.padding == 6


def test_a_stream_that_moves_back_over_a_change_keeps_its_end() -> None:
    clock = sb.StepClock(sb.Timeline.stream(batch_size=1, accumulate=2, steps=50))
    clock.begin_epoch()
    clock.advance(2)
    clock.change(accumulate=1)
    clock.move_to("1ba")
    again = sb.StepClock()
    again.load_state_dict(clock.state_dict(), pending="carry")
    assert again.timeline == clock.timeline
    assert (again.timeline.batches, again.timeline.steps) == (51, 50)
