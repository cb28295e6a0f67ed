"""Timelines counted by hand: plans, histories, and where each batch, step and sample is."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import stepbridge as sb
from counting import Totals, steps_of, totals

BIGGEST = 2**63 - 1
TEXTBOOK = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({"samples": 1000, "batch_size": 200, "epochs": 5}, (5, 25, 25, 5000), id="textbook"),
        pytest.param({"samples": 1050, "batch_size": 200, "epochs": 2}, (2, 12, 12, 2100), id="partial last batch"),
        pytest.param(
            {"samples": 1050, "batch_size": 200, "epochs": 2, "drop_last": True},
            (2, 10, 10, 2000),
            id="drop_last",
        ),
        pytest.param(
            {"samples": 1000, "batch_size": 200, "epochs": 2, "drop_last": True},
            (2, 10, 10, 2000),
            id="drop_last with nothing to drop",
        ),
        pytest.param({"samples": 3, "batch_size": 200, "epochs": 2}, (2, 2, 2, 6), id="a batch larger than the data"),
        pytest.param({"samples": 1, "batch_size": 1, "epochs": 1}, (1, 1, 1, 1), id="one sample"),
        pytest.param({"batches_per_epoch": 5, "epochs": 3}, (3, 15, 15, None), id="batches alone"),
        pytest.param({"batches_per_epoch": 5, "batch_size": 8, "epochs": 3}, (3, 15, 15, 120), id="full batches"),
        pytest.param(
            {"batches_per_epoch": 7, "epochs": 2, "accumulate": 3}, (2, 14, 6, None), id="flush, as Lightning"
        ),
        pytest.param(
            {"batches_per_epoch": 7, "epochs": 2, "accumulate": 3, "boundary": "carry"},
            (2, 14, 4, None),
            id="carry, as Keras",
        ),
        pytest.param(
            {"batches_per_epoch": 7, "epochs": 2, "accumulate": 3, "boundary": "drop"}, (2, 14, 4, None), id="drop"
        ),
        pytest.param(
            {"batches_per_epoch": 2, "epochs": 3, "accumulate": 5}, (3, 6, 3, None), id="flush of short epochs"
        ),
        pytest.param(
            {"batches_per_epoch": 2, "epochs": 3, "accumulate": 5, "boundary": "carry"},
            (3, 6, 1, None),
            id="carry over three",
        ),
        pytest.param(
            {"batches_per_epoch": 2, "epochs": 3, "accumulate": 5, "boundary": "drop"},
            (3, 6, 0, None),
            id="drop leaves no step",
        ),
        pytest.param({"batches_per_epoch": 5}, (None, None, None, None), id="open-ended"),
        pytest.param({"samples": 1000, "batch_size": 200}, (None, None, None, None), id="open-ended in samples"),
    ],
)
def test_totals_of_plans(arguments: Any, expected: Totals) -> None:
    assert totals(sb.Timeline.plan(**arguments)) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({"lengths": [5, 2, 2]}, (3, 9, 9, None), id="irregular"),
        pytest.param({"lengths": []}, (0, 0, 0, 0), id="empty"),
        pytest.param({"lengths": [0, 0]}, (2, 0, 0, 0), id="epochs of no batches"),
        pytest.param({"lengths": [5, 0, 3], "accumulate": 3}, (3, 8, 3, None), id="no batches between"),
        pytest.param(
            {"lengths": [4, 0, 2], "accumulate": 3, "boundary": "carry"},
            (3, 6, 2, None),
            id="carried over nothing",
        ),
        pytest.param({"lengths": [4, 2], "accumulate": 3}, (2, 6, 3, None), id="flushed at the end"),
        pytest.param({"lengths": [4, 2], "accumulate": 3, "cut": True}, (2, 6, 2, None), id="cut: pending at the end"),
        pytest.param({"lengths": [3, 2], "batch_size": 4}, (2, 5, 5, 20), id="full batches"),
        pytest.param({"lengths": [3, 2], "samples": [7, 6], "batch_size": 3}, (2, 5, 5, 13), id="samples consumed"),
    ],
)
def test_totals_of_histories(arguments: Any, expected: Totals) -> None:
    found = totals(sb.Timeline.from_epochs(**arguments))
    if expected[1] == 0:  # of no batches, 0 samples and samples not known are both true
        assert found[3] in (0, None)
        found = (*found[:3], 0)
    assert found == expected


@pytest.mark.parametrize(
    ("timeline", "unit", "base", "number", "place"),
    [
        pytest.param(TEXTBOOK, "step", 0, 24, (4, 4), id="the last step, from 0"),
        pytest.param(TEXTBOOK, "step", 1, 25, (5, 5), id="the last step, from 1"),
        pytest.param(TEXTBOOK, "step", 0, 0, (0, 0), id="the first step, from 0"),
        pytest.param(TEXTBOOK, "step", 1, 1, (1, 1), id="the first step, from 1"),
        pytest.param(TEXTBOOK, "batch", 0, 5, (1, 0), id="the first batch of an epoch"),
        pytest.param(TEXTBOOK, "sample", 0, 199, (0, 0), id="the last sample of a batch"),
        pytest.param(TEXTBOOK, "sample", 0, 200, (0, 1), id="the first sample of a batch"),
        pytest.param(TEXTBOOK, "sample", 1, 200, (1, 1), id="a sample from 1"),
        pytest.param(TEXTBOOK, "sample", 0, 4999, (4, 4), id="the last sample"),
        pytest.param(sb.Timeline.plan(batches_per_epoch=5), "step", 0, 5_000_003, (1_000_000, 3), id="open-ended"),
        pytest.param(sb.Timeline.from_epochs([5, 2, 2]), "step", 0, 6, (1, 1), id="irregular"),
        pytest.param(sb.Timeline.from_epochs([0, 0, 2]), "batch", 0, 0, (2, 0), id="past epochs of no batches"),
        pytest.param(sb.Timeline.from_epochs([2, 0, 2]), "batch", 0, 2, (2, 0), id="past one in between"),
    ],
)
def test_locate_and_index(timeline: sb.Timeline, unit: Any, base: Any, number: int, place: tuple[int, int]) -> None:
    location = timeline.locate(number, unit=unit, base=base)
    assert location == place
    assert isinstance(location, sb.Location)
    if unit != "sample":
        assert timeline.index(*place, unit=unit, base=base) == number


def test_steps_are_located_where_their_window_closes() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=7, epochs=2, accumulate=3)
    places = [plan.locate(step) for step in range(6)]
    assert places == [(0, 2), (0, 5), (0, 6), (1, 2), (1, 5), (1, 6)]


@pytest.mark.parametrize(
    ("boundary", "expected"),
    [
        ("flush", [0, 0, 0, 1, 1, 1, 2, 3, 3, 3, 4, 4, 4, 5]),
        ("carry", [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, None, None]),
        ("drop", [0, 0, 0, 1, 1, 1, None, 2, 2, 2, 3, 3, 3, None]),
    ],
)
def test_the_step_that_each_batch_contributes_to(boundary: Any, expected: list[int | None]) -> None:
    assert steps_of(sb.Timeline.plan(batches_per_epoch=7, epochs=2, accumulate=3, boundary=boundary)) == expected


def test_index_of_samples_is_the_first_of_the_batch() -> None:
    assert TEXTBOOK.index(4, 4, unit="sample") == 4800
    assert TEXTBOOK.index(5, 5, unit="sample", base=1) == 4801


def test_index_counts_steps_unless_told_otherwise() -> None:
    plan = sb.Timeline.plan(batches_per_epoch=6, epochs=2, accumulate=3)
    assert plan.index(1, 0) == 2
    assert plan.locate(2) == (1, 2)


def test_the_window_of_a_cut_epoch_counts_on() -> None:
    history = sb.Timeline.from_epochs([4, 2], accumulate=3, cut=True)
    assert steps_of(history) == [0, 0, 0, 1, None, None]


@pytest.mark.parametrize(
    "other",
    [
        sb.Timeline.plan(samples=1000, batch_size=200, epochs=4),
        sb.Timeline.plan(samples=1000, batch_size=200),
        sb.Timeline.plan(samples=1000, batch_size=200, epochs=5, accumulate=2),
        sb.Timeline.plan(samples=1000, batch_size=250, epochs=5),
        TEXTBOOK.change(at="12ba", batch_size=100),
        25,
        None,
        "textbook",
    ],
)
def test_timelines_that_differ_are_not_equal(other: object) -> None:
    assert other != TEXTBOOK
    assert not (other == TEXTBOOK)  # noqa: SIM201 - both operators are looked at


def test_equal_neighbours_are_one_segment() -> None:
    assert len(sb.Timeline.plan(batches_per_epoch=5, epochs=3).segments) == 1
    assert len(sb.Timeline.from_epochs([5, 5, 5]).segments) == 1
    assert len(sb.Timeline.from_epochs([5, 5, 2, 2, 5]).segments) == 3
    assert len(sb.Timeline.from_epochs([]).segments) == 0


@pytest.mark.parametrize(
    "timeline",
    [
        TEXTBOOK,
        sb.Timeline.plan(batches_per_epoch=5),
        sb.Timeline.from_epochs([]),
        sb.Timeline.from_epochs([5, 0, 3], accumulate=3, boundary="carry", cut=True),
        TEXTBOOK.change(at="12ba", batch_size=100).change(at="20ba", accumulate=4),
        sb.Timeline.plan(batches_per_epoch=BIGGEST, epochs=1),
    ],
)
def test_timelines_survive_json_pickle_and_copy(timeline: sb.Timeline) -> None:
    assert sb.Timeline.from_json(timeline.to_json()) == timeline
    assert pickle.loads(pickle.dumps(timeline)) == timeline
    assert copy.deepcopy(timeline) == timeline
    assert copy.copy(timeline) == timeline


def test_repr_says_what_a_person_wants_to_know() -> None:
    shown = repr(TEXTBOOK)
    assert "Timeline" in shown
    assert all(words in shown for words in ("5 epochs", "5 batches", "200", "25 steps", "5,000 samples"))
    assert "5" in repr(sb.Timeline.plan(batches_per_epoch=5))
    assert "Timeline" in repr(sb.Timeline.from_epochs([]))


def test_timelines_are_immutable() -> None:
    with pytest.raises(AttributeError):
        TEXTBOOK.epochs = 6  # type: ignore[misc]
