"""Conversions counted by hand, and comparison: what is exact, what lies between, what is past or not known."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

import stepbridge as sb

TEXTBOOK = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)
OPEN = sb.Timeline.plan(samples=1000, batch_size=200)
CHANGED = TEXTBOOK.change(at="12ba", batch_size=100)  # epochs of 5, 5, 8, 10, 10 batches
MILLION = (
    sb.Timeline.plan(samples=1_000_000, batch_size=32)
    .change(at="1000ba", batch_size=64)
    .change(at="2000ba", batch_size=128)
    .change(at="3000ba", batch_size=256)
)
UNSIZED = sb.Timeline.from_epochs([4, 4], samples=[100, 300])
GAPS = sb.Timeline.from_epochs([5, 0, 0, 3, 0])


def seven(boundary: Any) -> sb.Timeline:
    """Make two epochs of seven batches, three a step."""
    return sb.Timeline.plan(batches_per_epoch=7, epochs=2, accumulate=3, boundary=boundary)


def between(lower: str, upper: str | None) -> sb.Between:
    return sb.Between(sb.Quantity.parse(lower), None if upper is None else sb.Quantity.parse(upper))


@pytest.mark.parametrize(
    ("timeline", "text", "unit", "value"),
    [
        pytest.param(TEXTBOOK, "3ep", "step", 15, id="epochs to steps"),
        pytest.param(TEXTBOOK, "3ep", "batch", 15, id="epochs to batches"),
        pytest.param(TEXTBOOK, "3ep", "sample", 3000, id="epochs to samples"),
        pytest.param(TEXTBOOK, "2.4ep", "batch", 12, id="part of an epoch"),
        pytest.param(TEXTBOOK, "1/5ep", "sample", 200, id="a fifth of an epoch"),
        pytest.param(TEXTBOOK, "12ba", "epoch", Fraction(12, 5), id="batches to epochs"),
        pytest.param(TEXTBOOK, "5ba", "epoch", 1, id="a boundary has one form"),
        pytest.param(TEXTBOOK, "25st", "epoch", 5, id="the end"),
        pytest.param(TEXTBOOK, "20%", "epoch", 1, id="a share of the run"),
        pytest.param(TEXTBOOK, "100%", "sample", 5000, id="all of the run"),
        pytest.param(TEXTBOOK, "12ba", "duration", Fraction(12, 25), id="batches to a share"),
        pytest.param(TEXTBOOK, "0st", "sample", 0, id="the start"),
        pytest.param(TEXTBOOK, "300sp", "sample", 300, id="to its own unit"),
        pytest.param(TEXTBOOK, "2.5ep", "epoch", Fraction(5, 2), id="to its own unit, part of a batch"),
        pytest.param(OPEN, "1_000_000ep", "step", 5_000_000, id="open-ended"),
        pytest.param(CHANGED, "12ba", "epoch", Fraction(12, 5), id="a change does not move an epoch"),
        pytest.param(CHANGED, "2.5ep", "batch", 13, id="half of the samples, of eight batches"),
        pytest.param(CHANGED, "2.5ep", "sample", 2500, id="half of the samples"),
        pytest.param(MILLION, "1000ba", "epoch", Fraction(4, 125), id="32,000 of a million samples"),
        pytest.param(MILLION, "0.032ep", "batch", 1000, id="and back"),
        pytest.param(UNSIZED, "1.5ep", "batch", 6, id="sizes not known: batches are counted"),
        pytest.param(CHANGED, "2700sp", "batch", 15, id="samples after the change"),
        pytest.param(CHANGED, "50%", "batch", 13, id="half of the run's samples"),
        pytest.param(UNSIZED, "50%", "batch", 4, id="half of eight batches"),
        pytest.param(GAPS, "5ba", "epoch", 3, id="at epochs of no batches: in the latest"),
        pytest.param(GAPS, "8ba", "epoch", 5, id="past a last epoch of no batches"),
        pytest.param(GAPS, "1ep", "batch", 5, id="the first epoch of no batches"),
        pytest.param(GAPS, "2ep", "batch", 5, id="the second"),
        pytest.param(GAPS, "3ep", "batch", 5, id="the one after them"),
        pytest.param(seven("flush"), "7ba", "step", 3, id="flush: no window open at the boundary"),
        pytest.param(seven("drop"), "7ba", "step", 2, id="drop: no window open at the boundary"),
        pytest.param(seven("carry"), "12ba", "step", 4, id="carry: on a multiple"),
        pytest.param(seven("flush"), "3st", "batch", 7, id="the batch that flushed it"),
        pytest.param(seven("drop"), "2st", "batch", 6, id="the batch that closed it, of a plateau"),
        pytest.param(seven("carry"), "3st", "epoch", Fraction(9, 7), id="steps to epochs"),
        pytest.param(sb.Timeline.from_epochs([]), "0ba", "step", 0, id="empty: nothing is nothing"),
        pytest.param(sb.Timeline.from_epochs([]), "0ep", "batch", 0, id="empty: no epoch"),
        pytest.param(
            sb.Timeline.from_epochs([3, 2], samples=[7, 6], batch_size=3), "1ep", "sample", 7, id="samples consumed"
        ),
    ],
)
def test_exact(timeline: sb.Timeline, text: str, unit: Any, value: int | Fraction) -> None:
    answer = timeline.convert(text, unit)
    assert isinstance(answer, sb.Exact)
    assert answer.value == value
    assert timeline.convert(sb.Quantity.parse(text), unit) == answer


@pytest.mark.parametrize(
    ("timeline", "text", "unit", "expected"),
    [
        pytest.param(TEXTBOOK, "2.5ep", "batch", between("12ba", "13ba"), id="half of five batches"),
        pytest.param(TEXTBOOK, "300sp", "batch", between("1ba", "2ba"), id="inside a batch"),
        pytest.param(TEXTBOOK, "300sp", "step", between("1st", "2st"), id="inside a step"),
        pytest.param(TEXTBOOK, "4900sp", "batch", between("24ba", "25ba"), id="inside the last batch"),
        pytest.param(TEXTBOOK, "50%", "batch", between("12ba", "13ba"), id="half of 25 batches"),
        pytest.param(TEXTBOOK, "1/3ep", "sample", between("333sp", "334sp"), id="samples come whole"),
        pytest.param(seven("flush"), "1ba", "step", between("0st", "1st"), id="in the first window"),
        pytest.param(seven("flush"), "8ba", "step", between("3st", "4st"), id="in a window after a flush"),
        pytest.param(seven("carry"), "1ep", "step", between("2st", "3st"), id="carry: a boundary inside a window"),
        pytest.param(seven("carry"), "14ba", "step", between("4st", None), id="carry: the run ends in a window"),
        pytest.param(seven("carry"), "13ba", "step", between("4st", None), id="no step comes after it"),
        pytest.param(
            sb.Timeline.plan(batches_per_epoch=8, epochs=2, accumulate=3, boundary="drop"),
            "7ba",
            "step",
            between("2st", "3st"),
            id="drop: in a window that will be dropped",
        ),
        pytest.param(
            sb.Timeline.from_epochs([4, 2], accumulate=3, cut=True), "6ba", "step", between("2st", None), id="cut"
        ),
    ],
)
def test_between(timeline: sb.Timeline, text: str, unit: Any, expected: sb.Between) -> None:
    answer = timeline.convert(text, unit)
    assert answer == expected
    with pytest.raises(TypeError):
        int(answer)


@pytest.mark.parametrize(
    ("timeline", "text", "unit", "end"),
    [
        pytest.param(TEXTBOOK, "26ba", "step", "25st", id="batches"),
        pytest.param(TEXTBOOK, "26ba", "epoch", "5ep", id="in epochs"),
        pytest.param(TEXTBOOK, "5.1ep", "sample", "5000sp", id="epochs"),
        pytest.param(TEXTBOOK, "5001sp", "batch", "25ba", id="samples"),
        pytest.param(TEXTBOOK, "26st", "batch", "25ba", id="steps"),
        pytest.param(TEXTBOOK, "101%", "batch", "25ba", id="more than all"),
        pytest.param(sb.Timeline.from_epochs([]), "1ba", "step", "0st", id="empty"),
        pytest.param(seven("carry"), "5st", "batch", "14ba", id="a step that never closes"),
    ],
)
def test_beyond(timeline: sb.Timeline, text: str, unit: Any, end: str) -> None:
    answer = timeline.convert(text, unit)
    assert answer == sb.PastEnd(sb.Quantity.parse(end))
    with pytest.raises(TypeError):
        int(answer)


@pytest.mark.parametrize(
    ("timeline", "text", "unit", "word"),
    [
        pytest.param(OPEN, "10%", "batch", "length", id="a share of no known length"),
        pytest.param(OPEN, "10ba", "duration", "length", id="as a share of no known length"),
        pytest.param(
            sb.Timeline.plan(batches_per_epoch=5, epochs=2), "3ba", "sample", "sample", id="samples not known"
        ),
        pytest.param(
            sb.Timeline.plan(batches_per_epoch=5, epochs=2), "3sp", "batch", "sample", id="from samples not known"
        ),
        pytest.param(TEXTBOOK, "3ba", "token", "token", id="tokens are not counted"),
        pytest.param(TEXTBOOK, "3tok", "batch", "token", id="from tokens that are not counted"),
    ],
)
def test_unknown(timeline: sb.Timeline, text: str, unit: Any, word: str) -> None:
    answer = timeline.convert(text, unit)
    assert isinstance(answer, sb.Undetermined)
    assert word in answer.why
    with pytest.raises(TypeError):
        int(answer)


def test_exact_is_a_number() -> None:
    answer = TEXTBOOK.convert("3ep", "step")
    assert isinstance(answer, sb.Exact)
    assert int(answer) == 15
    assert answer == sb.Exact(15, "st")
    assert answer.unit == "st"


@pytest.mark.parametrize("unit", ["sp", "tok", "ba", "st", "ep", "dur"])
def test_short_names_of_units_are_the_same(unit: Any) -> None:
    names: dict[str, Any] = {
        "sp": "sample", "tok": "token", "ba": "batch", "st": "step", "ep": "epoch", "dur": "duration"
    }  # fmt: skip
    assert TEXTBOOK.convert("2ep", unit) == TEXTBOOK.convert("2ep", names[unit])


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        (("3 parsecs", "step"), ValueError, "parsecs"),
        (("3ep", "stride"), ValueError, "stride"),
        ((3, "step"), TypeError, "unit"),
        ((2.5, "step"), TypeError, "unit"),
        ((None, "step"), TypeError, "None"),
        (("3ep", 3), TypeError, "unit"),
    ],
)
def test_what_convert_refuses(arguments: Any, error: type[Exception], word: str) -> None:
    with pytest.raises(error, match=word):
        TEXTBOOK.convert(*arguments)


@pytest.mark.parametrize(
    ("timeline", "left", "right", "expected"),
    [
        pytest.param(OPEN, "1ep", "400ba", -1, id="less"),
        pytest.param(OPEN, "80ep", "400ba", 0, id="equal"),
        pytest.param(OPEN, "81ep", "400ba", 1, id="more"),
        pytest.param(TEXTBOOK, "300sp", "1ba", 1, id="inside a batch is after its start"),
        pytest.param(TEXTBOOK, "300sp", "2ba", -1, id="inside a batch is before its end"),
        pytest.param(TEXTBOOK, "300sp", "2st", -1, id="a sample and a step"),
        pytest.param(TEXTBOOK, "20%", "1ep", 0, id="a share and an epoch"),
        pytest.param(TEXTBOOK, "20%", "1001sp", -1, id="a share and a sample"),
        pytest.param(TEXTBOOK, "3ba", "3ba", 0, id="the same"),
        pytest.param(TEXTBOOK, "2.5ep", "12ba", 1, id="half of a batch is after it"),
        pytest.param(seven("flush"), "3st", "1ep", 0, id="the step flushed at the end of an epoch"),
        pytest.param(seven("carry"), "3st", "1ep", 1, id="the step carried over it"),
    ],
)
def test_compare(timeline: sb.Timeline, left: str, right: str, expected: int) -> None:
    assert timeline.compare(left, right) == expected
    assert timeline.compare(right, left) == -expected


@pytest.mark.parametrize(
    ("timeline", "left", "right"),
    [
        pytest.param(OPEN, "10%", "400ba", id="a share of no known length"),
        pytest.param(sb.Timeline.plan(batches_per_epoch=5), "10sp", "3ba", id="samples not known"),
        pytest.param(TEXTBOOK, "10tok", "3ba", id="tokens not counted"),
    ],
)
def test_what_is_not_known_cannot_be_compared(timeline: sb.Timeline, left: str, right: str) -> None:
    with pytest.raises(ValueError, match="known"):
        timeline.compare(left, right)
