"""The clock as a framework's callbacks and an adapter use it: epochs and batches come as events."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepbridge as sb

if TYPE_CHECKING:
    from collections.abc import Callable

boundaries = st.sampled_from(["flush", "carry", "drop"])


def counts(clock: sb.StepClock) -> tuple[object, ...]:
    return clock.batch, clock.step, clock.sample, clock.epoch, clock.iter, clock.position, clock.closes_step


@given(st.lists(st.integers(1, 7), min_size=1, max_size=5), st.integers(1, 4), boundaries)
def test_events_count_as_a_loop_does(lengths: list[int], accumulate: int, rule: Any) -> None:
    """Of unknown length, so that only `last` says where a short update closes."""
    loop, events = (sb.StepClock(accumulate=accumulate, boundary=rule, batch_size=3) for _ in range(2))
    seen = [counts(loop) for epoch in loop.epochs(len(lengths)) for _ in loop.batches(iter(range(lengths[epoch])))]
    warned = []
    for epoch, length in enumerate(lengths):
        assert events.begin_epoch(epoch)
        for batch in range(length):
            events.advance(last=batch == length - 1)
            warned.append(counts(events))
        events.end_epoch()
    # A loop reads ahead only where a short update may close; what becomes of the others shows at the epoch's end.
    if rule == "flush" and accumulate > 1:
        assert warned == seen
    assert events.timeline == loop.timeline
    assert (events.batch, events.step, events.position) == (loop.batch, loop.step, loop.position)


@given(st.integers(0, 9), st.integers(1, 9), st.integers(1, 4), boundaries, st.none() | st.integers(1, 20))
def test_several_batches_with_the_last_count_as_single_ones_do(
    before: int, several: int, accumulate: int, rule: Any, planned: int | None
) -> None:
    plan = sb.Timeline.plan(batches_per_epoch=planned, batch_size=3, accumulate=accumulate, boundary=rule)
    single, at_once = (sb.StepClock(plan) for _ in range(2))
    for clock in (single, at_once):
        clock.begin_epoch()
        for _ in range(before):
            clock.count_one()
    closes = []
    for batch in range(several):
        single._advance(last=batch == several - 1)
        closes.append(single.closes_step)
    at_once._advance_many(several, last=True)
    assert counts(at_once)[:-1] == counts(single)[:-1]
    assert at_once.closes_step == any(closes)
    for clock in (single, at_once):
        clock._end_epoch(cut=False)
    assert at_once.timeline == single.timeline


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_the_last_of_several_batches_closes_a_short_update(before: int, last: int, accumulate: int) -> None:
    clock = sb.StepClock(accumulate=accumulate)
    clock.begin_epoch()
    clock.advance(before)
    clock.advance(last, last=True)
    steps = -(-(before + last) // accumulate)
    assert (clock.batch, clock.step, clock.closes_step) == (before + last, steps, True)
    assert clock.every("1st") == (steps > before // accumulate)
    clock.end_epoch()
    assert clock.timeline.locate(steps, base=1) == (1, before + last)


def test_the_plan_ends_the_epochs() -> None:
    clock = sb.StepClock(batches_per_epoch=2, epochs=2)
    begun = 0
    while clock.begin_epoch():
        begun += 1
        clock.advance(2)
        clock.end_epoch()
    assert begun == 2
    assert clock.finished
    assert not clock.begin_epoch(2)


def test_until_ends_them_but_where_the_framework_goes_on_anyway() -> None:
    clock = sb.StepClock(batches_per_epoch=2, epochs=3, until="3ba")
    assert clock.begin_epoch()
    clock.advance(2)
    clock.end_epoch()
    assert clock.begin_epoch()
    clock.advance()
    assert clock.until == sb.Quantity(3, "ba")
    assert clock.until_reached
    assert not clock.begin_epoch()
    assert clock.in_epoch, "it is left open for a resume"
    with pytest.warns(sb.StepbridgeWarning, match="1ba is never trained"):
        assert clock.begin_epoch(2)
    assert clock.position == (2, 0)


def test_an_epoch_that_is_open_is_cut_where_the_next_begins() -> None:
    clock = sb.StepClock(batches_per_epoch=4, epochs=3, accumulate=3)
    clock.begin_epoch()
    clock.advance(2)
    clock.begin_epoch()
    assert clock.position == (1, 0)
    (first, *_) = clock.timeline.segments
    assert (first.batches, first.cut) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param({"epoch": 4}, "cannot enter epoch 4 .* expected epoch 1 or a later one, of 4 in all", id="past"),
        pytest.param({"epoch": 0}, "cannot enter epoch 0 .* expected epoch 1 or a later one", id="back"),
        pytest.param(
            {"epoch": 1, "batch": 3}, r"cannot enter epoch 1 .* after 12sp \(batch=3\): it has 10sp in all", id="batch"
        ),
        pytest.param(
            {"epoch": 2, "sample": 10},
            r"cannot enter epoch 2 .* after 10sp \(sample=10\): it has 10sp in all",
            id="end",
        ),
        pytest.param({"epoch": 1, "batch": 2, "sample": 4}, "batch=2 and sample=4 are not the same point", id="two"),
    ],
)
def test_a_point_that_no_epoch_has(arguments: dict[str, int], says: str) -> None:
    clock = sb.StepClock(samples=10, batch_size=4, epochs=4)
    clock.begin_epoch()
    clock.advance(3)
    clock.end_epoch()
    clock.begin_epoch()
    clock.advance()
    before = clock.state_dict()
    with pytest.raises(ValueError, match=says):
        clock.begin_epoch(**arguments)  # type: ignore[arg-type]  # by its name
    assert clock.state_dict() == before
    assert clock.begin_epoch(1, batch=1, sample=4), "the running one goes on"
    assert clock.state_dict() == before
    with pytest.warns(sb.StepbridgeWarning, match="6sp is never trained; clock.left_out counts that"):
        assert clock.begin_epoch(2, batch=0, sample=0)
    assert (int(clock.left_out), int(clock.repeated)) == (6, 0)


def test_samples_that_are_not_known() -> None:
    clock = sb.StepClock(batches_per_epoch=3, epochs=2)
    clock.begin_epoch()
    clock.advance()
    with pytest.raises(ValueError, match="after sample=5: the clock does not know how many"):
        clock.begin_epoch(0, sample=5)


def resumed(folder: Path | None = None) -> sb.StepClock:
    """Make a clock that goes on in the middle of epoch 1."""
    first = sb.StepClock(batches_per_epoch=4, epochs=3, until="6ba")
    for _ in first.epochs():
        for _ in first.batches(range(4)):
            pass
    clock = sb.StepClock(batches_per_epoch=4, epochs=3, ledger=folder)
    clock.load_state_dict(first.state_dict())
    return clock


def test_a_resumed_epoch_is_entered_and_goes_on() -> None:
    clock = resumed()
    assert (clock.in_epoch, clock.resumed_inside) == (True, True)
    assert clock.begin_epoch()
    assert (clock.position, clock.resumed_inside) == ((1, 2), False)
    clock.advance(2)
    clock.end_epoch()
    assert clock.timeline == sb.Timeline.plan(batches_per_epoch=4, epochs=3)


def test_a_resumed_epoch_that_the_framework_passes_over_is_cut() -> None:
    clock = resumed()
    with pytest.warns(sb.StepbridgeWarning, match="2ba is never trained"):
        assert clock.begin_epoch(2)
    assert clock.position == (2, 0)
    assert [(part.batches, part.cut) for part in clock.timeline.segments] == [(4, False), (2, True), (4, False)]


def test_a_resumed_epoch_begins_again(tmp_path: Path) -> None:
    clock = resumed(tmp_path)
    clock.begin_epoch()
    clock.restart_epoch()
    assert clock.position == (2, 0)
    clock.advance(4)
    clock.end_epoch()
    clock.end_run()
    # The part that was done is an epoch of its own, and two of the plan are still to come.
    assert [(part.epochs, part.batches, part.cut) for part in clock.timeline.segments] == [
        (1, 4, False),
        (1, 2, True),
        (2, 4, False),
    ]
    assert sb.read_ledger(tmp_path).timeline == clock.timeline


def lines(folder: Path) -> list[str]:
    return [json.loads(line)["kind"] for line in (folder / "stepclock.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_ledger_of_a_run_that_came_as_events(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=3, epochs=3, ledger=tmp_path)
    clock.record_logged_step("batch", 0, by="a writer")
    clock.begin_epoch()
    clock.advance(3)
    clock.end_epoch()
    clock.end_run()
    clock.end_run()
    clock.begin_epoch()
    clock.advance()
    clock.end_epoch(cut=True)
    clock.end_run()
    assert lines(tmp_path) == ["session", "logged_as", "epoch", "stop", "epoch", "stop"]
    ledger = sb.read_ledger(tmp_path)
    assert ledger.timeline == clock.timeline
    assert ledger.logged_as == sb.LoggedStep("ba", 0, stated=True, by="a writer")


def test_an_epoch_that_is_complete_was_not_cut() -> None:
    clock = sb.StepClock(batches_per_epoch=3, epochs=1, padding=2)
    clock.begin_epoch()
    clock.advance(3)
    clock.end_epoch(cut=True)
    assert clock.padding == 2
    assert not clock.timeline.segments[0].cut


# --- several things that are one event --------------------------------------------------------------------------------


def test_one_advance_over_the_ends_of_epochs() -> None:
    clock = sb.StepClock(batches_per_epoch=3, epochs=4)
    called = []
    clock.add_hook(lambda: called.append(clock.batch))
    with clock.one_advance():
        for _ in range(2):
            clock.begin_epoch()
            clock.advance(3)
            clock.end_epoch()
    assert called == [6]
    assert clock.every("5ba")
    assert clock.at("1ep")
    assert clock.multiples("2ba") == 3
    clock.begin_epoch()
    clock.advance()
    assert called == [6, 7]
    assert not clock.every("2ep")


def test_an_error_inside_one_advance_leaves_the_clock_usable() -> None:
    clock = sb.StepClock(batches_per_epoch=3, epochs=1)
    called = []
    clock.add_hook(lambda: called.append(clock.batch))
    clock.begin_epoch()

    def fail() -> None:
        with clock.one_advance():
            clock.advance(2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert called == []
    clock.advance()
    assert called == [3]
    assert clock.every("3ba")
    assert not clock.every("2ba")


def test_hooks_follow_each_advance_until_they_are_removed() -> None:
    clock = sb.StepClock(batches_per_epoch=3, epochs=2)
    seen: list[int] = []

    def hook() -> None:
        seen.append(clock.batch)

    before = clock.is_followed
    clock.add_hook(hook)
    assert (before, clock.is_followed, clock.hooks) == (False, True, (hook,))
    for _ in clock.epochs():
        for _ in clock.batches(range(3)):
            if clock.batch == 4:
                clock.remove_hook(hook)
    assert seen == [1, 2, 3, 4]
    with pytest.raises(sb.TimelineError, match="was not added"):
        clock.remove_hook(hook)


def test_counting_one_batch_and_nothing_else() -> None:
    clock = sb.StepClock(batches_per_epoch=2, epochs=1)
    called = []
    clock.add_hook(lambda: called.append(clock.batch))
    clock.begin_epoch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [clock.count_one() for _ in range(3)] == [True, True, False]
    assert (called, clock.batch) == ([], 3)


# --- another point, another plan --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "position"), [("0ba", (0, 0)), ("5ba", (1, 1)), ("2ep", (2, 0)), ("12st", (3, 0)), ("50%", (2, 0))]
)
def test_moving_to_another_point(to: str, position: tuple[int, int]) -> None:
    plan = sb.Timeline.plan(samples=10, batch_size=3, epochs=4)
    clock = sb.StepClock(plan, initial="1ep")
    clock.move_to(to)
    assert clock.position == position
    assert clock.batch == 4 * position[0] + position[1]
    assert clock.timeline == clock.plan == plan
    assert clock.reached(to)
    assert not clock.reached("4ep")


@pytest.mark.parametrize(
    ("to", "error", "says"),
    [
        ("2sp", ValueError, "2sp is between 0ba and 1ba"),
        ("17ba", IndexError, "17ba is past the end"),
        (3, TypeError, "unit"),
    ],
)
def test_a_point_that_there_is_not(to: Any, error: type[Exception], says: str) -> None:
    clock = sb.StepClock(samples=10, batch_size=3, epochs=4, initial="1ep")
    with pytest.raises(error, match=says):
        clock.move_to(to)
    assert clock.position == (1, 0)


def test_a_move_is_a_session_of_its_own(tmp_path: Path) -> None:
    clock = sb.StepClock(batches_per_epoch=3, epochs=4, ledger=tmp_path)
    for to in ("2ep", "1ep"):
        clock.begin_epoch()
        clock.advance(3)
        clock.end_epoch()
        clock.move_to(to)
    clock.begin_epoch()
    clock.end_run()
    first, second, third = sb.read_ledger(tmp_path).sessions
    assert [(each.start_batch, each.batch) for each in (first, second, third)] == [(0, 3), (6, 9), (3, 3)]
    assert (second.supersedes, third.supersedes) == (None, sb.Supersession(1, 3, 3))


def test_another_plan_keeps_what_was_observed() -> None:
    clock = sb.StepClock(samples=12, batch_size=2, epochs=4)
    clock.begin_epoch()
    clock.advance(3)
    other = sb.Timeline.plan(samples=12, batch_size=3, epochs=2)
    clock.replan(other)
    assert clock.plan == other
    assert clock.timeline == sb.Timeline.plan(samples=12, batch_size=2, epochs=2).change(at="3ba", batch_size=3)
    with pytest.raises(ValueError, match="equal epochs"):
        clock.replan(clock.timeline)


# --- what the user hears ----------------------------------------------------------------------------------------------


def warned(act: Callable[[], object]) -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        act()
    return caught


def test_a_disagreement_is_told_once_and_points_at_the_caller() -> None:
    clock = sb.StepClock(name="run 7")

    def twice() -> None:
        clock.warn_once("the counter", 3, 4, "look at it")
        clock.warn_once("the counter", 5, 6)

    (stated,) = warned(twice)
    assert str(stated.message) == "run 7: the counter: expected 3, seen 4: look at it"
    assert stated.category is sb.StepbridgeWarning
    assert Path(stated.filename) == Path(__file__)
    assert len(warned(lambda: clock.warn("again"))) == len(warned(lambda: clock.warn("again"))) == 1


def test_a_warning_from_deep_inside_points_at_the_loop() -> None:
    def loop() -> None:
        clock = sb.StepClock(batches_per_epoch=3, epochs=1)
        for _ in clock.epochs():
            for _ in clock.batches(range(2)):
                pass

    (stated,) = warned(loop)
    assert "ended after 2 batches, expected 3" in str(stated.message)
    assert Path(stated.filename) == Path(__file__)
