"""Changes of a timeline counted by hand, and what is equal afterwards."""

from __future__ import annotations

from typing import Any

import pytest

import stepbridge as sb
from counting import lengths, steps_of, totals

TEXTBOOK = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)


def test_change_of_the_batch_size_in_mid_epoch() -> None:
    changed = TEXTBOOK.change(at="12ba", batch_size=100)
    assert lengths(changed) == [5, 5, 8, 10, 10]
    assert totals(changed) == (5, 38, 38, 5000)
    firsts = [changed.index(2, iteration, unit="sample") for iteration in range(8)]
    assert firsts == [2000, 2200, 2400, 2500, 2600, 2700, 2800, 2900]
    assert totals(TEXTBOOK) == (5, 25, 25, 5000)


@pytest.mark.parametrize(
    ("plan", "change", "expected", "samples"),
    [
        pytest.param({}, {"at": "2ep", "batch_size": 100}, [5, 5, 10, 10, 10], 5000, id="at a boundary"),
        pytest.param({}, {"at": "2.4ep", "batch_size": 100}, [5, 5, 8, 10, 10], 5000, id="at part of an epoch"),
        pytest.param({}, {"at": "48%", "batch_size": 100}, [5, 5, 8, 10, 10], 5000, id="at a share of the run"),
        pytest.param({}, {"at": "2400sp", "batch_size": 100}, [5, 5, 8, 10, 10], 5000, id="at a sample"),
        pytest.param({}, {"at": "12st", "batch_size": 100}, [5, 5, 8, 10, 10], 5000, id="at a step"),
        pytest.param({}, {"at": "12ba", "batch_size": 700}, [5, 5, 3, 2, 2], 5000, id="a larger batch, partial last"),
        pytest.param({}, {"at": "12ba", "batch_size": 7000}, [5, 5, 3, 1, 1], 5000, id="one batch takes the rest"),
        pytest.param(
            {"drop_last": True},
            {"at": "12ba", "batch_size": 350},
            [5, 5, 3, 2, 2],
            4150,
            id="drop_last goes on",
        ),
        pytest.param(
            {"drop_last": True},
            {"at": "12ba", "batch_size": 700},
            [5, 5, 2, 1, 1],
            3800,
            id="what is left is dropped",
        ),
        pytest.param({}, {"at": "12ba", "samples": 1300}, [5, 5, 7, 7, 7], 5900, id="more samples an epoch"),
        pytest.param({}, {"at": "12ba", "samples": 500}, [5, 5, 3, 3, 3], 3500, id="fewer samples an epoch"),
        pytest.param({}, {"at": "12ba", "samples": 400}, [5, 5, 2, 2, 2], 3200, id="what is done is the epoch's total"),
        pytest.param({}, {"at": "0ba", "batch_size": 500}, [2, 2, 2, 2, 2], 5000, id="at the very start"),
        pytest.param({}, {"at": "5ep", "batch_size": 500}, [5, 5, 5, 5, 5], 5000, id="at the very end"),
    ],
)
def test_changes_of_samples(plan: Any, change: Any, expected: list[int], samples: int) -> None:
    changed = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5, **plan).change(**change)
    assert lengths(changed) == expected
    assert changed.samples == samples


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"at": "7ba", "batches_per_epoch": 3}, [5, 3, 3, 3], id="in mid-epoch"),
        pytest.param({"at": "7ba", "batches_per_epoch": 9}, [5, 9, 9, 9], id="more"),
        pytest.param({"at": "7ba", "batches_per_epoch": 2}, [5, 2, 2, 2], id="what is done is the epoch's total"),
        pytest.param({"at": "1ep", "batches_per_epoch": 2}, [5, 2, 2, 2], id="at a boundary"),
        pytest.param({"at": "0ba", "batches_per_epoch": 2}, [2, 2, 2, 2], id="at the very start"),
    ],
)
def test_changes_of_batches(change: Any, expected: list[int]) -> None:
    changed = sb.Timeline.plan(batches_per_epoch=5, epochs=4).change(**change)
    assert lengths(changed) == expected
    assert changed == sb.Timeline.from_epochs(expected)


@pytest.mark.parametrize(
    ("plan", "changes", "expected", "samples"),
    [
        pytest.param(
            {"batches_per_epoch": 5, "batch_size": 4, "epochs": 2},
            [{"at": "2ba", "batch_size": 3}],
            [6, 7],
            40,
            id="full batches of a new size hold the same samples",
        ),
        pytest.param(
            {"batches_per_epoch": 4, "batch_size": 1, "epochs": 2},
            [{"at": "2ba", "batches_per_epoch": 6}, {"at": "3ba", "batch_size": 1}],
            [6, 6],
            12,
            id="more batches, then nothing",
        ),
        pytest.param(
            {"batches_per_epoch": 4, "batch_size": 2, "epochs": 2},
            [{"at": "2ba", "batches_per_epoch": 6}, {"at": "3ba", "batch_size": 3}],
            [5, 4],
            24,
            id="more batches, then larger ones",
        ),
        pytest.param(
            {"batches_per_epoch": 4, "batch_size": 1, "epochs": 2},
            [{"at": "3ba", "batch_size": 2, "batches_per_epoch": 4}],
            [4, 4],
            13,
            id="as many batches, but larger: the last of them too is full",
        ),
        pytest.param(
            {"samples": 1000, "batch_size": 200, "epochs": 3},
            [{"at": "1ba", "batches_per_epoch": 3}],
            [3, 3, 3],
            1800,
            id="fewer batches than the data set has",
        ),
        pytest.param(
            {"samples": 1000, "batch_size": 200, "epochs": 3},
            [{"at": "1ba", "batches_per_epoch": 3}, {"at": "2ba", "batch_size": 100}],
            [4, 6, 6],
            1800,
            id="fewer batches than the data set has, then smaller ones",
        ),
        pytest.param(
            {"samples": 1000, "batch_size": 200, "epochs": 3},
            [{"at": "1ba", "batches_per_epoch": 7}, {"at": "6ba", "batch_size": 100}],
            [8, 14, 14],
            4200,
            id="more batches than the data set has, then smaller ones",
        ),
    ],
)
def test_changes_of_batches_and_their_size(plan: Any, changes: Any, expected: list[int], samples: int) -> None:
    timeline = sb.Timeline.plan(**plan)
    for change in changes:
        timeline = timeline.change(**change)
    assert lengths(timeline) == expected
    assert timeline.samples == samples


@pytest.mark.parametrize(
    ("pending", "expected"),
    [
        ("flush", [0, 0, 0, 1, 2, 2, 3, 3, 4, 4]),
        ("drop", [0, 0, 0, None, 1, 1, 2, 2, 3, 3]),
        ("carry", [0, 0, 0, 1, 1, 2, 2, 3, 3, None]),
        ("modulo", [0, 0, 0, 1, 1, 1, 2, 2, 3, 3]),
    ],
)
def test_accumulate_changes_inside_a_window(pending: Any, expected: list[int | None]) -> None:
    plan = sb.Timeline.plan(batches_per_epoch=5, epochs=2, accumulate=3, boundary="carry")
    assert steps_of(plan.change(at="4ba", accumulate=2, pending=pending)) == expected


def test_modulo_goes_by_the_count_of_batches_where_no_window_is_open() -> None:
    """Keras closes where its counter is a multiple of the new length: after batch 4, four batches after the start."""
    plan = sb.Timeline.plan(batches_per_epoch=6, epochs=1, accumulate=3, boundary="carry")
    assert steps_of(plan.change(at="3ba", accumulate=2, pending="modulo")) == [0, 0, 0, 1, 2, 2]


def test_a_carry_into_a_smaller_window_closes_at_the_next_batch() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=6, epochs=1, accumulate=5)
    assert steps_of(plan.change(at="4ba", accumulate=2, pending="carry")) == [0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("first", "then", "expected", "samples"),
    [
        pytest.param(
            {"at": "13ba", "accumulate": 2},
            {"at": "6ba", "batch_size": 200},
            [5] * 5,
            5000,
            id="nothing, epochs before",
        ),
        pytest.param(
            {"at": "13ba", "accumulate": 2}, {"at": "12ba", "batch_size": 200}, [5] * 5, 5000, id="nothing, same epoch"
        ),
        pytest.param(
            {"at": "16ba", "batch_size": 50}, {"at": "12ba", "batch_size": 100}, [5, 5, 8, 10, 10], 5000, id="a size"
        ),
        pytest.param(
            {"at": "13ba", "samples": 700},
            {"at": "12ba", "batch_size": 100},
            [5, 5, 5, 7, 7],
            4100,
            id="samples, a size",
        ),
        pytest.param(
            {"at": "13ba", "accumulate": 2}, {"at": "6ba", "samples": 1400}, [5, 7, 7, 7, 7], 6600, id="samples"
        ),
        pytest.param(
            {"at": "13ba", "accumulate": 2}, {"at": "6ba", "batches_per_epoch": 7}, [5, 7, 7, 7, 7], 6600, id="batches"
        ),
    ],
)
def test_a_change_before_an_earlier_one_is_right_or_refused(
    first: Any, then: Any, expected: list[int], samples: int
) -> None:
    """Nothing is counted twice, and what was changed further on is not forgotten in silence."""
    changed = TEXTBOOK.change(**first)
    try:
        again = changed.change(**then)
    except ValueError:
        return
    assert lengths(again) == expected
    assert again.samples == samples
    if expected == lengths(changed):
        assert again == changed


def test_the_window_at_the_very_end_does_as_told() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=4, epochs=1, accumulate=3, boundary="carry")
    assert plan.change(at="4ba", accumulate=2, pending="flush").steps == 2
    assert plan.change(at="4ba", accumulate=2, pending="drop").steps == 1
    assert plan.change(at="4ba", accumulate=2, pending="carry").steps == 1
    with pytest.raises(ValueError, match="pending"):
        plan.change(at="4ba", accumulate=2)


def test_a_batch_size_alone_leaves_the_window_alone() -> None:
    plan = sb.Timeline.plan(samples=8, batch_size=2, epochs=1, accumulate=3)
    assert steps_of(plan.change(at="1ba", batch_size=3)) == [0, 0, 0]
    assert steps_of(plan.change(at="2ba", batch_size=1)) == [0, 0, 0, 1, 1, 1]


def test_a_new_accumulate_where_no_window_is_open_needs_no_pending() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=7, epochs=2, accumulate=3)
    assert steps_of(plan.change(at="1ep", accumulate=7)) == [0, 0, 0, 1, 1, 1, 2, *[3] * 7]
    assert steps_of(plan.change(at="3ba", accumulate=4)) == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param(
            sb.Timeline.from_epochs([5, 5, 5]),
            sb.Timeline.plan(batches_per_epoch=5, epochs=3),
            id="a history and a plan",
        ),
        pytest.param(
            sb.Timeline.plan(batches_per_epoch=5, epochs=3).change(at="7ba", batches_per_epoch=5),
            sb.Timeline.plan(batches_per_epoch=5, epochs=3),
            id="a change of nothing",
        ),
        pytest.param(TEXTBOOK.change(at="12ba", batch_size=200), TEXTBOOK, id="a change of nothing, samples known"),
        pytest.param(
            sb.Timeline.plan(batches_per_epoch=5, batch_size=2, epochs=3).change(at="7ba", batch_size=2),
            sb.Timeline.plan(batches_per_epoch=5, batch_size=2, epochs=3),
            id="a change of nothing, full batches",
        ),
        pytest.param(
            sb.Timeline.plan(batches_per_epoch=5, batch_size=2, epochs=3).change(at="7ba", batches_per_epoch=5),
            sb.Timeline.plan(batches_per_epoch=5, batch_size=2, epochs=3),
            id="a change of no number, full batches",
        ),
        pytest.param(
            sb.Timeline.plan(batches_per_epoch=5, epochs=4)
            .change(at="1ep", batches_per_epoch=2)
            .change(at="2ep", batches_per_epoch=5),
            sb.Timeline.from_epochs([5, 2, 5, 5]),
            id="there and back",
        ),
        pytest.param(
            TEXTBOOK.change(at="12ba", batch_size=100).change(at="12ba", batch_size=200),
            TEXTBOOK,
            id="taken back on the spot",
        ),
        pytest.param(
            TEXTBOOK.change(at="0ba", batch_size=100),
            sb.Timeline.plan(samples=1000, batch_size=100, epochs=5),
            id="from the start",
        ),
    ],
)
def test_equality_is_that_of_the_canonical_form(left: sb.Timeline, right: sb.Timeline) -> None:
    assert left == right
    assert hash(left) == hash(right)
    assert len(left.segments) == len(right.segments)
    assert left.to_json() == right.to_json()


@pytest.mark.parametrize("pending", ["modulo", 0])
def test_carry_keeps_what_was_decided_for_the_same_point(pending: Any) -> None:
    decided = sb.Timeline.from_epochs([5, 6], accumulate=3, boundary="carry").change(
        at="10ba", accumulate=2, pending=pending
    )
    assert decided.steps == 3  # one batch of the last window is pending, and one came: as if only that one had
    assert decided.change(at="10ba", accumulate=2, pending="carry") == decided


@pytest.mark.parametrize("ended", ["flush", "drop"])
def test_a_window_that_a_change_ended_stays_ended(ended: Any) -> None:
    plan = sb.Timeline.plan(batches_per_epoch=10, epochs=1, accumulate=20, boundary="carry")
    changed = plan.change(at="5ba", accumulate=3, pending=ended)
    assert changed.index(0, 4, invalid="mask") == (0 if ended == "flush" else None)
    for pending in (1, "modulo"):
        with pytest.raises(ValueError, match=r"after batch 5.*begins empty: 1 batches cannot count towards it"):
            changed.change(at="5ba", accumulate=4, pending=pending)
    for later in ("flush", "drop", "carry", 0):
        again = changed.change(at="5ba", accumulate=4, pending=later)
        assert again == plan.change(at="5ba", accumulate=4, pending=ended)
    assert changed.change(at="5ba", accumulate=5, pending="modulo") == plan.change(
        at="5ba", accumulate=5, pending=ended
    )


@pytest.mark.parametrize("nothing", ["modulo", 0])
def test_a_count_of_nothing_begins_the_window_anew(nothing: Any) -> None:
    plan = sb.Timeline.plan(batches_per_epoch=3, epochs=3, accumulate=3, boundary="carry")
    counted = plan.change(at="0ba", accumulate=3, pending=2)
    assert steps_of(counted)[:4] == [0, 1, 1, 1]
    assert counted.change(at="0ba", accumulate=3, pending=nothing) == plan


def test_the_last_window_ends_where_epochs_without_batches_come_after_it() -> None:
    run = sb.Timeline.from_epochs([5, 0], accumulate=2, boundary="carry")
    assert run.change(at="5ba", accumulate=3, pending="flush").steps == 3
    assert run.change(at="5ba", accumulate=3, pending="drop").steps == 2


def test_what_each_epoch_consumed_is_not_what_each_part_of_it_did() -> None:
    clock = sb.StepClock(samples=1000, batches_per_epoch=7, epochs=2)
    for _ in clock.epochs():
        for _ in clock.batches(range(7)):
            assert clock.timeline.samples in (2000, None)
            assert clock.sample == {7: 1000, 14: 2000}.get(clock.batch)
