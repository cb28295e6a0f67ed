"""What a clock keeps, and what it forgets, where it moves to another point of its plan."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import stepbridge as sb

if TYPE_CHECKING:
    from pathlib import Path


def skipping(**options: object) -> sb.StepClock:
    """A clock after 8 steps; the second, the third and the seventh were skipped."""
    clock = sb.StepClock(sb.Timeline.plan(batches_per_epoch=5, epochs=3), **options)  # type: ignore[arg-type]
    for _ in clock.epochs():
        for number in clock.batches(range(5)):
            if (clock.epoch, number) in {(0, 1), (0, 2), (1, 1)}:
                clock.skip_update()
            if clock.batch == 8:
                return clock
    raise AssertionError


@pytest.mark.parametrize(("to", "applied"), [(1, 1), (2, 1), (3, 1), (6, 4), (7, 4), (8, 5), (12, 9), (0, 0)])
@pytest.mark.parametrize("saved", [False, True])
def test_skipped_updates_stay_where_they_were(to: int, applied: int, saved: bool) -> None:
    clock = skipping()
    if saved:
        state = json.loads(json.dumps(clock.state_dict()))
        clock = sb.StepClock()
        clock.load_state_dict(state)
    clock.move_to(f"{to}ba")
    assert (clock.step, clock.applied) == (to, applied)


def test_a_ledger_line_has_the_skipped_updates_of_its_session(tmp_path: Path) -> None:
    clock = skipping(ledger=tmp_path)
    clock.move_to("0ba")
    for _ in clock.epochs(1):
        for _ in clock.batches(range(5)):
            pass
    first, second = sb.read_ledger(tmp_path).sessions
    assert (first.skipped, second.skipped) == (((2, 2),), ())
    assert second.applied == 5


def test_a_state_whose_skipped_updates_contradict_it_is_refused() -> None:
    state = skipping().state_dict()
    assert state["skips"] == [[2, 2], [7, 1]]
    for wrong in ([[7, 1], [2, 2]], [[2, 9]], [[0, 1]], [[2, 0]], [2], "x", [[2, 1.5]]):
        with pytest.raises(sb.TimelineError, match="skips"):
            sb.StepClock().load_state_dict({**state, "skips": wrong})


def test_copies_of_the_epochs_before_a_start() -> None:
    clock = sb.StepClock(samples=10, batch_size=5, epochs=4, padding=2, initial="5ba")
    assert clock.padding == 4
    clock.move_to("3ep")
    assert clock.padding == 6
    clock.move_to("1ba")
    assert clock.padding == 0


@pytest.mark.filterwarnings("ignore:.*is trained again")
def test_an_epoch_that_was_entered_elsewhere_is_left_whole() -> None:
    clock = sb.StepClock(samples=100, batch_size=10, epochs=3)
    clock.begin_epoch()
    clock.advance(5)
    clock.begin_epoch(0, sample=20)
    for back in ("0ba", "3ba", "7ba"):
        with pytest.raises(sb.TimelineError, match=r"cannot move to batch \d, .*load the state"):
            clock.move_to(back)
    assert (clock.batch, int(clock.epoch_done)) == (5, 20)
    clock.move_to("1ep")
    clock.begin_epoch()
    clock.advance(4)
    assert clock.epoch_done == 40


def test_copies_stay_where_a_whole_epoch_begins_again() -> None:
    clock = sb.StepClock(samples=10, batch_size=5, epochs=2, padding=2)
    clock.begin_epoch()
    clock.advance(2)
    clock.restart_epoch()
    assert clock.padding == 2


@pytest.mark.parametrize(
    ("calls", "runs"),
    [
        ([(2, 1), (2, 1)], [(1, 2)]),
        ([(2, 1), (5, 4)], [(1, 5)]),
        ([(2, 1), (3, 1)], [(2, 2)]),
        ([(2, 1), (4, 1)], [(2, 1), (4, 1)]),
        ([(2, 1), (4, 1), (4, 1)], [(2, 3)]),
        ([(2, 1), (4, 1), (5, 3)], [(1, 5)]),
    ],
)
def test_updates_that_are_reported_late_are_the_last_ones_that_were_not_yet(
    calls: list[tuple[int, int]], runs: list[tuple[int, int]]
) -> None:
    clock = sb.StepClock(batches_per_epoch=9, epochs=1)
    clock.begin_epoch()
    for step, steps in calls:
        if step > clock.step:
            clock.advance(step - clock.step)
        clock.skip_update(steps)
    assert clock.state_dict()["skips"] == [list(run) for run in runs]
    assert clock.applied == clock.step - sum(count for _, count in runs)
