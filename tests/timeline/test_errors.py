"""What a timeline refuses: which error, and the words a person needs to put it right."""

from __future__ import annotations

import re
from typing import Any

import pytest

import stepbridge as sb
from stepbridge import TimelineError

BIGGEST = 2**63 - 1
TEXTBOOK = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)
ACCUMULATED = sb.Timeline.plan(batches_per_epoch=7, epochs=2, accumulate=3, boundary="carry")


def says(*words: str) -> str:
    """Make a pattern that finds all the words, in any order and any case."""
    return "(?is)" + "".join(f"(?=.*{re.escape(word)})" for word in words)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        pytest.param({"samples": 1000, "epochs": 5}, TimelineError, ["batch_size"], id="samples without a batch size"),
        pytest.param({"batches_per_epoch": 0, "epochs": 1}, TimelineError, ["batches", "0"], id="no batches"),
        pytest.param({"batches_per_epoch": -5, "epochs": 1}, TimelineError, ["batches", "-5"], id="negative batches"),
        pytest.param({"samples": 0, "batch_size": 2}, TimelineError, ["samples", "0"], id="no samples"),
        pytest.param({"samples": -1, "batch_size": 2}, TimelineError, ["samples", "-1"], id="negative samples"),
        pytest.param({"samples": 10, "batch_size": 0}, TimelineError, ["batch_size", "0"], id="an empty batch"),
        pytest.param({"samples": 10, "batch_size": -2}, TimelineError, ["batch_size", "-2"], id="a negative batch"),
        pytest.param(
            {"samples": 3, "batch_size": 4, "drop_last": True},
            TimelineError,
            ["drop_last", "3", "4"],
            id="no full batch",
        ),
        pytest.param(
            {"batches_per_epoch": 5, "batch_size": 2, "samples": 11}, TimelineError, ["11"], id="a contradiction"
        ),
        pytest.param(
            {"batches_per_epoch": 5, "drop_last": 1}, TypeError, ["drop_last"], id="drop_last that is no bool"
        ),
        pytest.param({"batches_per_epoch": 5, "epochs": 0}, TimelineError, ["epochs", "0"], id="no epochs"),
        pytest.param({"batches_per_epoch": 5, "epochs": -1}, TimelineError, ["epochs", "-1"], id="negative epochs"),
        pytest.param(
            {"batches_per_epoch": 5, "accumulate": 0}, TimelineError, ["accumulate", "0"], id="accumulate nothing"
        ),
        pytest.param(
            {"batches_per_epoch": 5, "accumulate": -1}, TimelineError, ["accumulate", "-1"], id="accumulate less"
        ),
        pytest.param(
            {"batches_per_epoch": 5, "boundary": "wrap"},
            TimelineError,
            ["wrap", "flush", "carry", "drop"],
            id="boundary",
        ),
        pytest.param({"batches_per_epoch": 5, "boundary": 3}, TypeError, ["boundary"], id="a boundary that is no text"),
        pytest.param({"batches_per_epoch": True}, TypeError, ["batches", "bool"], id="a bool"),
        pytest.param({"batches_per_epoch": 5.0}, TypeError, ["batches", "float"], id="a float"),
        pytest.param({"batches_per_epoch": "5"}, TypeError, ["batches", "str"], id="text"),
        pytest.param({"batches_per_epoch": 5, "epochs": 2.5}, TypeError, ["epochs", "float"], id="part of an epoch"),
        pytest.param({"batches_per_epoch": 2**63, "epochs": 1}, OverflowError, ["batches"], id="too many batches"),
        pytest.param({"batches_per_epoch": 2**70, "epochs": 1}, OverflowError, ["batches"], id="far too many batches"),
        pytest.param({"batches_per_epoch": 2**62, "epochs": 2}, OverflowError, ["batches"], id="too many in all"),
        pytest.param(
            {"batches_per_epoch": 2**32, "batch_size": 2**31, "epochs": 1},
            OverflowError,
            ["samples"],
            id="too many samples",
        ),
        pytest.param(
            {"samples": 2**62, "batch_size": 2**60, "epochs": 2}, OverflowError, ["samples"], id="samples in all"
        ),
    ],
)
def test_plans(arguments: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error, match=says(*words)):
        sb.Timeline.plan(**arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        pytest.param({"lengths": [5, -2]}, TimelineError, ["1", "-2"], id="a negative length"),
        pytest.param({"lengths": [5.0, 2.0]}, TypeError, ["float"], id="floats"),
        pytest.param({"lengths": [True, False]}, TypeError, ["bool"], id="bools"),
        pytest.param({"lengths": [[5, 2]]}, TimelineError, ["1"], id="two dimensions"),
        pytest.param({"lengths": 5}, (TypeError, TimelineError), [], id="one number"),
        pytest.param({"lengths": [BIGGEST, 1]}, OverflowError, ["batches"], id="too many in all"),
        pytest.param({"lengths": [2**64]}, OverflowError, [], id="past any integer type"),
        pytest.param({"lengths": [5], "batch_size": 0}, TimelineError, ["batch_size", "0"], id="an empty batch"),
        pytest.param({"lengths": [5], "accumulate": 0}, TimelineError, ["accumulate", "0"], id="accumulate nothing"),
        pytest.param({"lengths": [5], "boundary": "wrap"}, TimelineError, ["wrap", "flush"], id="boundary"),
        pytest.param({"lengths": [3, 2], "samples": [7]}, TimelineError, ["samples", "2", "1"], id="samples missing"),
        pytest.param(
            {"lengths": [3, 2], "samples": [10, 6], "batch_size": 3},
            TimelineError,
            ["10"],
            id="more than three batches",
        ),
        pytest.param(
            {"lengths": [3, 2], "samples": [6, 6], "batch_size": 3},
            TimelineError,
            ["6"],
            id="less than three batches",
        ),
        pytest.param(
            {"lengths": [3, 0], "samples": [9, 2], "batch_size": 3}, TimelineError, ["2"], id="samples of no batches"
        ),
    ],
)
def test_histories(arguments: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error, match=says(*words)):
        sb.Timeline.from_epochs(**arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        pytest.param((25,), IndexError, ["25"], id="one past the end"),
        pytest.param((-1,), IndexError, ["-1"], id="before the start"),
        pytest.param((25, "batch"), IndexError, ["25"], id="a batch past the end"),
        pytest.param((5000, "sample"), IndexError, ["5000"], id="a sample past the end"),
        pytest.param((26, "step", 1), IndexError, ["26", "25"], id="past the end, from 1"),
        pytest.param((0, "step", 1), IndexError, ["0", "1"], id="no number 0 from 1"),
        pytest.param((0, "step", 2), TimelineError, ["base", "2"], id="base 2"),
        pytest.param((0, "step", True), TypeError, ["base", "bool"], id="a bool for base"),
        pytest.param((0, "stride"), TimelineError, ["stride", "step", "batch", "sample"], id="an unknown unit"),
        pytest.param((0, "epoch"), TimelineError, ["epoch", "step", "batch", "sample"], id="an epoch has no location"),
        pytest.param((True,), TypeError, ["bool"], id="a bool"),
        pytest.param((3.0,), TypeError, ["float"], id="a float"),
        pytest.param(("3",), TypeError, ["str"], id="text"),
        pytest.param((None,), TypeError, ["None"], id="nothing"),
        pytest.param((2**63,), (OverflowError, IndexError), [], id="past the limit"),
        pytest.param((2**200,), (OverflowError, IndexError), [], id="far past the limit"),
        pytest.param((-(2**200),), (OverflowError, IndexError), [], id="far before the start"),
    ],
)
def test_locate(arguments: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error, match=says(*words)):
        TEXTBOOK.locate(*arguments)


def test_locate_in_epochs_of_unknown_length() -> None:
    for plan in (sb.Timeline.plan(), sb.Timeline.plan(epochs=5), sb.Timeline.plan(batch_size=5, epochs=2)):
        assert plan.batches is None
        with pytest.raises(TimelineError, match=says("epoch", "not known")):
            plan.locate(3)


def test_locate_samples_that_are_not_known() -> None:
    with pytest.raises(TimelineError, match=says("sample", "batch_size")):
        sb.Timeline.plan(batches_per_epoch=5, epochs=2).locate(3, unit="sample")


def test_locate_in_an_empty_timeline() -> None:
    with pytest.raises(IndexError, match=says("0")):
        sb.Timeline.from_epochs([]).locate(0)
    assert sb.Timeline.from_epochs([]).locate(0, invalid="mask") is None


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        pytest.param((5, 0), {}, IndexError, ["5"], id="an epoch past the end"),
        pytest.param((0, 5), {}, IndexError, ["5"], id="an iter past the end of its epoch"),
        pytest.param((-1, 0), {}, IndexError, ["-1"], id="an epoch before the start"),
        pytest.param((0, -1), {}, IndexError, ["-1"], id="an iter before the start"),
        pytest.param((0, 1), {"base": 1}, IndexError, ["0"], id="no epoch 0 from 1"),
        pytest.param((1, 0), {"base": 1}, IndexError, ["0"], id="no iter 0 from 1"),
        pytest.param((0, 0), {"base": 3}, TimelineError, ["base", "3"], id="base 3"),
        pytest.param((0, 0), {"unit": "epoch"}, TimelineError, ["epoch"], id="the index of an epoch"),
        pytest.param((0, 0), {"invalid": "ignore"}, TimelineError, ["invalid", "ignore", "mask"], id="invalid"),
        pytest.param((True, 0), {}, TypeError, ["bool"], id="a bool"),
        pytest.param((0, 2.0), {}, TypeError, ["float"], id="a float"),
    ],
)
def test_index(arguments: Any, options: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error, match=says(*words)):
        TEXTBOOK.index(*arguments, **options)


def test_a_batch_that_contributes_to_no_step_has_no_index() -> None:
    with pytest.raises(IndexError, match=says("step")):
        ACCUMULATED.index(1, 6)
    assert ACCUMULATED.index(1, 6, invalid="mask") in (None, -1)
    assert ACCUMULATED.index(1, 6, unit="batch") == 13


@pytest.mark.parametrize(
    ("timeline", "change", "error", "words"),
    [
        pytest.param(TEXTBOOK, {"at": "2.5ep", "batch_size": 9}, TimelineError, ["12ba", "13ba"], id="inexact"),
        pytest.param(TEXTBOOK, {"at": "2500sp", "batch_size": 9}, TimelineError, ["2500sp"], id="inside a batch"),
        pytest.param(TEXTBOOK, {"at": "26ba", "batch_size": 9}, IndexError, ["26ba", "25"], id="beyond the end"),
        pytest.param(
            sb.Timeline.plan(batches_per_epoch=5),
            {"at": "10%", "batches_per_epoch": 9},
            TimelineError,
            ["at", "length"],
            id="of unknown length",
        ),
        pytest.param(TEXTBOOK, {"at": "soon", "batch_size": 9}, TimelineError, ["soon"], id="not understood"),
        pytest.param(TEXTBOOK, {"at": 12, "batch_size": 9}, TypeError, ["at"], id="a number without unit"),
        pytest.param(
            TEXTBOOK, {"at": "12ba", "batch_size": 0}, TimelineError, ["batch_size", "0"], id="an empty batch"
        ),
        pytest.param(TEXTBOOK, {"at": "12ba", "batch_size": True}, TypeError, ["batch_size", "bool"], id="a bool"),
        pytest.param(
            TEXTBOOK, {"at": "12ba", "accumulate": 0}, TimelineError, ["accumulate", "0"], id="accumulate none"
        ),
        pytest.param(
            TEXTBOOK, {"at": "12ba", "samples": 399}, TimelineError, ["399", "400"], id="samples below the done"
        ),
        pytest.param(
            sb.Timeline.plan(batches_per_epoch=5, epochs=2),
            {"at": "8ba", "batches_per_epoch": 2},
            TimelineError,
            ["2", "3"],
            id="batches below the done",
        ),
        pytest.param(
            ACCUMULATED,
            {"at": "1ba", "accumulate": 2},
            TimelineError,
            ["pending", "flush", "drop", "carry"],
            id="pending not stated",
        ),
        pytest.param(
            ACCUMULATED,
            {"at": "1ba", "accumulate": 2, "pending": "keep"},
            TimelineError,
            ["pending", "keep", "flush", "drop", "carry"],
            id="an unknown pending",
        ),
        pytest.param(TEXTBOOK, {"batch_size": 100}, TypeError, ["at"], id="no place"),
        pytest.param(TEXTBOOK, {"at": "12ba", "batch_size": 2**63}, OverflowError, ["batch_size"], id="too large"),
        pytest.param(TEXTBOOK, {"at": "12ba", "samples": BIGGEST}, OverflowError, ["samples"], id="too many in all"),
        pytest.param(
            sb.Timeline.plan(batches_per_epoch=5, epochs=4),
            {"at": "12ba", "batches_per_epoch": BIGGEST},
            OverflowError,
            ["batches"],
            id="too many batches in all",
        ),
    ],
)
def test_change(timeline: sb.Timeline, change: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error, match=says(*words)):
        timeline.change(**change)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("{}", id="an empty object"),
        pytest.param("[]", id="a list"),
        pytest.param("null", id="null"),
        pytest.param(TEXTBOOK.to_json()[:-5], id="cut short"),
        pytest.param(TEXTBOOK.to_json().replace('"version":1', '"version":3'), id="of a newer version"),
        pytest.param(TEXTBOOK.to_json().replace('stepbridge.timeline"', 'stepbridge.time"'), id="of another kind"),
        pytest.param(TEXTBOOK.to_json() + "x", id="with a tail"),
        pytest.param(TEXTBOOK.to_json().replace("200", "-200"), id="a negative size"),
        pytest.param(TEXTBOOK.to_json().replace("200", "200.5"), id="part of a sample"),
    ],
)
def test_json_that_is_not_a_timeline(text: str) -> None:
    with pytest.raises(TimelineError, match=says("timeline")):
        sb.Timeline.from_json(text)


def test_json_past_the_limit() -> None:
    with pytest.raises((OverflowError, TimelineError)):
        sb.Timeline.from_json(TEXTBOOK.to_json().replace("200", "9" * 30))


def test_json_of_what_is_refused_elsewhere() -> None:
    with pytest.raises(TimelineError, match=says("batch_size")):
        sb.Timeline.from_json(TEXTBOOK.to_json().replace("200", "0"))
