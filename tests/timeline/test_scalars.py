"""An array is answered as each of its numbers alone: on every kind of timeline, in every unit, sorted or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepbridge as sb

BIGGEST = 2**63 - 1
LOCATED: tuple[Any, ...] = ("batch", "step", "sample")
# Each exception that says of a number, and not of the question, that it has no place.
NOWHERE = (IndexError, OverflowError, ValueError)

sizes = st.integers(1, 9) | st.integers(0, 62).flatmap(lambda bits: st.integers(2**bits, 2**bits + 3))
boundaries: st.SearchStrategy[Any] = st.sampled_from(["flush", "carry", "drop"])


def refused(function: Any, *args: Any, **kwargs: Any) -> sb.Timeline | None:
    """Make a timeline, or None where too much of something or a change that makes no sense is refused."""
    try:
        made: sb.Timeline = function(*args, **kwargs)
    except NOWHERE:
        return None
    return made


@st.composite
def timelines(draw: st.DrawFn) -> sb.Timeline:
    """Draw plans with and without an end, of known and of unknown lengths and sizes, and histories; with changes."""
    rest: dict[str, Any] = {"accumulate": draw(sizes), "boundary": draw(boundaries)}
    kind = draw(st.sampled_from(["samples", "batches", "both", "unknown", "history"]))
    if kind == "history":
        lengths = draw(st.lists(st.integers(0, 9), max_size=5))
        made = sb.Timeline.from_epochs(lengths, batch_size=draw(st.none() | st.integers(1, 9)), **rest)
    else:
        known: dict[str, Any] = {"epochs": draw(st.none() | sizes)}
        known |= {"samples": draw(sizes)} if kind in ("samples", "both") else {}
        known |= {"batches_per_epoch": draw(sizes)} if kind in ("batches", "both") else {}
        known |= {"batch_size": draw(sizes)} if kind == "samples" or (kind == "batches" and draw(st.booleans())) else {}
        made = refused(sb.Timeline.plan, **known, **rest) or sb.Timeline.plan(batches_per_epoch=5, batch_size=200)
    for _ in range(draw(st.integers(0, 2))):
        change: dict[str, Any] = draw(
            st.dictionaries(
                st.sampled_from(["batch_size", "accumulate", "batches_per_epoch", "samples"]), sizes, max_size=2
            )
        )
        at, pending = f"{draw(st.integers(0, 40) | sizes)}ba", draw(st.sampled_from(["carry", "flush", "drop", None]))
        made = refused(made.change, at=at, pending=pending, **change) or made
    return made


def edges(timeline: sb.Timeline) -> list[int]:
    """Name numbers where something begins or ends."""
    found = [0, BIGGEST, timeline.batches or 0, timeline.steps or 0, timeline.samples or 0]
    batches = samples = 0
    for segment in timeline.segments:
        batches += (segment.epochs or 1) * (segment.batches or 1)
        samples = batches * (segment.batch_size or 1)
        found += [batches, samples, batches // segment.accumulate]
    return [edge for edge in found if edge <= BIGGEST]


@given(st.data(), timelines(), st.sampled_from([0, 1]))
def test_an_array_is_answered_as_its_numbers_alone(data: st.DataObject, timeline: sb.Timeline, base: Any) -> None:
    near = st.sampled_from(edges(timeline)).flatmap(lambda edge: st.integers(edge - 3, min(edge + 3, BIGGEST)))
    anywhere = st.integers(-(2**63), BIGGEST)
    values = data.draw(st.lists(near | st.integers(-3, 60) | anywhere, min_size=1, max_size=25))
    if data.draw(st.booleans()):
        values.sort()
    array = np.array(values, dtype=np.int64)
    for unit in LOCATED:
        alone = [timeline.locate(value, unit, base, invalid="mask") for value in values]
        expected = [(-1, -1) if place is None else (place.epoch, place.iter) for place in alone]
        out = (np.zeros_like(array), np.zeros_like(array)) if data.draw(st.booleans()) else None
        strided = np.repeat(array, 2)[::2] if data.draw(st.booleans()) else array
        epoch, iteration = timeline.locate(strided, unit, base, out=out, invalid="mask")
        assert list(zip(epoch.tolist(), iteration.tolist(), strict=True)) == expected, unit

        first = alone.index(None) if None in alone else None
        if first is None:
            again = timeline.locate(array, unit, base)
            assert [column.tolist() for column in again] == [epoch.tolist(), iteration.tolist()]
        else:
            with pytest.raises(NOWHERE) as one:
                timeline.locate(values[first], unit, base)
            with pytest.raises(one.type, match=rf"index {first}\b"):
                timeline.locate(array, unit, base)

        back = timeline.index(epoch, iteration, unit, base, invalid="mask")
        indexed = [timeline.index(*place, unit, base, invalid="mask") for place in expected]
        assert back.tolist() == [-1 if number is None else number for number in indexed]


@pytest.mark.parametrize("base", [0, 1])
def test_samples_of_an_open_ended_plan(base: Any) -> None:
    plan = sb.Timeline.plan(samples=1000, batch_size=200).change(at="12ba", batch_size=100)
    epoch, iteration = plan.locate(np.array([3000, 100, -5, 2401]) + base, "sample", base, invalid="mask")
    shown = [3 + base, base, -1, 2 + base], [base, base, -1, 2 + base]
    assert (epoch.tolist(), iteration.tolist()) == shown
    with pytest.raises(IndexError, match=r"sample -5 is below the base 0 .*index 1"):
        plan.locate(np.array([3000, -5]), "sample")


def test_a_number_without_a_place_is_masked_alone_and_in_an_array() -> None:
    unsized, endless = (
        sb.Timeline.plan(batches_per_epoch=5, epochs=2),
        sb.Timeline.plan(batches_per_epoch=3, accumulate=2),
    )
    cases: list[tuple[sb.Timeline, int, Any]] = [
        (unsized, 7, "sample"),
        (endless, BIGGEST - 1, "step"),
        (unsized, 99, "batch"),
    ]
    for timeline, number, unit in cases:
        assert timeline.locate(number, unit, invalid="mask") is None
        assert [column.tolist() for column in timeline.locate([number], unit, invalid="mask")] == [[-1], [-1]]
    assert unsized.locate(2**63, invalid="mask") is None
    assert unsized.index(0, 3, "sample", invalid="mask") is None
    assert unsized.index([0], [3], "sample", invalid="mask").tolist() == [-1]
    with pytest.raises(ValueError, match="base must be 0 or 1"):
        unsized.index([0], [3], base=2)
