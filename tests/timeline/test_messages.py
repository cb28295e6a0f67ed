"""What timelines say: how they are shown, and why a document, a change or a question is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

import stepbridge as sb

TEXTBOOK = sb.Timeline.plan(samples=1000, batch_size=200, epochs=5)
CARRIED = sb.Timeline.plan(batches_per_epoch=7, epochs=2, accumulate=3, boundary="carry")
#: Its epochs hold 1,000 samples in 7 batches, of which nobody says how large they are.
UNSIZED = sb.Timeline.plan(samples=1000, batches_per_epoch=7, epochs=3)


SHOWN = [
    (
        TEXTBOOK.change(at="12ba", batch_size=100),
        """2 epochs of 5 batches (1,000 samples in batches of 200),
        then 1 epoch of 2 batches (1,000 samples in batches of 200) + 6 batches (1,000 samples in batches of 100),
        then 2 epochs of 10 batches (1,000 samples in batches of 100) = 38 batches, 38 steps, 5,000 samples""",
    ),
    (
        sb.Timeline.plan(samples=1001, batch_size=200, epochs=5, drop_last=True),
        "5 epochs of 5 batches (1,001 samples in batches of 200, drop_last) = 25 batches, 25 steps, 5,000 samples",
    ),
    (
        sb.Timeline.plan(samples=1001, batch_size=200, epochs=2),
        "2 epochs of 6 batches (1,001 samples in batches of 200, the last 1) = 12 batches, 12 steps, 2,002 samples",
    ),
    (
        CARRIED.change(at="4ba", accumulate=2, pending="flush"),
        """1 epoch of 4 batches (accumulate 3 (carry)) + 3 batches (accumulate 2 (carry), the open window flushed),
        then 1 epoch of 7 batches (accumulate 2 (carry)) = 14 batches, 7 steps""",
    ),
    (
        CARRIED.change(at="4ba", accumulate=2, pending="drop"),
        """1 epoch of 4 batches (accumulate 3 (carry)) + 3 batches (accumulate 2 (carry), the open window dropped),
        then 1 epoch of 7 batches (accumulate 2 (carry)) = 14 batches, 6 steps""",
    ),
    (
        CARRIED.change(at="5ba", accumulate=4, pending=1),
        """1 epoch of 5 batches (accumulate 3 (carry)) + 2 batches (accumulate 4 (carry), the open window at 1),
        then 1 epoch of 7 batches (accumulate 4 (carry)) = 14 batches, 3 steps""",
    ),
    (
        sb.Timeline.from_epochs(range(1, 12)),
        """1 epoch of 1 batch, then 1 epoch of 2 batches, then 1 epoch of 3 batches, then 1 epoch of 4 batches,
        then 7 more segments = 66 batches, 66 steps""",
    ),
    (UNSIZED, "3 epochs of 7 batches (1,000 samples) = 21 batches, 21 steps, 3,000 samples"),
    (sb.Timeline.from_epochs([]), "no epochs"),
]


@pytest.mark.parametrize(("timeline", "shown"), SHOWN, ids=range(len(SHOWN)))
def test_how_a_timeline_is_shown(timeline: sb.Timeline, shown: str) -> None:
    assert repr(timeline) == f"Timeline({' '.join(shown.split())})"


PART: dict[str, Any] = {"epochs": 1, "batches": 5, "boundary": "flush"}


def document(*segments: dict[str, Any]) -> str:
    return json.dumps({"format": "stepbridge.timeline", "version": 1, "segments": segments})


@pytest.mark.parametrize(
    ("segments", "reason"),
    [
        ([{**PART, "accumulate": 0}], "accumulate must be at least 1"),
        ([{**PART, "batch_size": 0}], "batch_size must be at least 1"),
        (
            [{**PART, "batch_size": 4, "last_batch_size": 5}],
            "last_batch_size must be between 1 and batch_size (4), not 5",
        ),
        ([{**PART, "samples": 3}], "5 batches cannot hold 3 samples"),
        ([{**PART, "joins": True}], "the first segment cannot go on inside an epoch before it"),
        ([PART, {**PART, "epochs": 2, "joins": True}], "a segment that goes on inside an epoch holds exactly 1 epoch"),
        ([{**PART, "cut": True}, {**PART, "joins": True}], "an epoch that was cut cannot go on in a further segment"),
        ([{**PART, "epochs": None, "cut": True}], "an open-ended segment has no last epoch that could be cut"),
        ([{**PART, "accumulate": 3, "entry": {"phase": 3}}], "a window of 3 batches cannot begin with 3 pending"),
        ([{**PART, "epochs": None, "batches": 0}], "epochs of no batches cannot go on without an end"),
    ],
    ids=lambda value: value.split(",")[0] if isinstance(value, str) else "",
)
def test_a_document_that_contradicts_itself(segments: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(ValueError, match="this is not a timeline's JSON") as refused:
        sb.Timeline.from_json(document(*segments))
    assert reason in str(refused.value)


def test_an_epoch_that_goes_on_after_no_batch_is_that_epoch() -> None:
    assert sb.Timeline.from_json(document({**PART, "batches": 0}, {**PART, "joins": True})) == sb.Timeline.plan(
        batches_per_epoch=5, epochs=1
    )


@pytest.mark.parametrize(
    ("timeline", "change", "reason"),
    [
        pytest.param(
            CARRIED,
            {"at": "4ba", "accumulate": 2, "pending": 2},
            "pending=2 batches would fill a window of 2",
            id="a window that is full",
        ),
        pytest.param(
            TEXTBOOK,
            {"at": "12ba", "batch_size": 100, "batches_per_epoch": 9, "samples": 1000},
            "batches_per_epoch=9 and samples=1000 contradict each other",
            id="totals that do not fit",
        ),
        pytest.param(
            sb.Timeline.plan(batches_per_epoch=5, epochs=2),
            {"at": "3ba", "batch_size": 100, "samples": 1000},
            "how many samples are left of the running epoch is not known",
            id="samples left",
        ),
        pytest.param(
            sb.Timeline.plan(batches_per_epoch=5, epochs=2),
            {"at": "3ba", "batch_size": 100},
            "a new batch_size does not say how many batches an epoch has",
            id="batches left",
        ),
    ],
)
def test_a_change_that_is_refused(timeline: sb.Timeline, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as refused:
        timeline.change(**change)
    assert reason in str(refused.value)


def test_what_is_past_the_end_compares_with_what_is_not() -> None:
    assert TEXTBOOK.compare("30ba", "3ep") == 1
    assert TEXTBOOK.compare("3ep", "30ba") == -1
    with pytest.raises(IndexError, match="6ep and 30ba cannot be compared: both are past the end"):
        TEXTBOOK.compare("6ep", "30ba")


def test_samples_of_batches_whose_size_is_not_known() -> None:
    """An epoch's first sample has a place, and the others have none."""
    assert UNSIZED.locate(1000, "sample") == (1, 0)
    assert UNSIZED.index(1, 0, unit="sample") == 1000
    assert UNSIZED.convert("1000sp", "batch") == sb.Exact(7, "ba")
    assert isinstance(UNSIZED.convert("1001sp", "batch"), sb.Undetermined)
    for ask in (lambda: UNSIZED.locate(1001, "sample"), lambda: UNSIZED.index(0, 3, unit="sample")):
        with pytest.raises(ValueError, match="the timeline has no batch_size there"):
            ask()
    epochs, iterations = UNSIZED.locate([0, 1000, 1001, 2000], "sample", invalid="mask")
    assert list(zip(epochs.tolist(), iterations.tolist(), strict=True)) == [(0, 0), (1, 0), (-1, -1), (2, 0)]


def test_a_trigger_of_nothing() -> None:
    clock = sb.StepClock(batches_per_epoch=5, epochs=1)
    assert not clock.at("0st")
    with pytest.raises(ValueError, match="every 0st would always be true"):
        clock.every("0st")
