"""Timelines written as JSON or pickled, and read again; and JSON that somebody wrote otherwise."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import stepbridge as sb
from strategies import Case, cases


@given(cases())
def test_written_and_read_it_is_the_same(case: Case) -> None:
    timeline = case.timeline
    text = timeline.to_json()
    again = sb.Timeline.from_json(text)
    assert again == timeline
    assert hash(again) == hash(timeline)
    assert again.to_json() == text
    assert again.batches == timeline.batches
    assert pickle.loads(pickle.dumps(timeline)) == timeline
    assert copy.deepcopy(timeline) == timeline


@given(st.data(), cases())
def test_json_that_was_tampered_with_is_refused_or_sound(data: st.DataObject, case: Case) -> None:
    """Numbers and flags exchanged at random: what is accepted must still agree with itself."""
    document = json.loads(case.timeline.to_json())
    assume(document["segments"])
    segment = data.draw(st.sampled_from(document["segments"]))
    key = data.draw(st.sampled_from(sorted(segment)))
    segment[key] = data.draw(
        st.none() | st.booleans() | st.integers(-2, 12) | st.sampled_from([2**63, 2**64, 0.5, "x"])
    )
    try:
        timeline = sb.Timeline.from_json(json.dumps(document))
    except (ValueError, OverflowError):
        return
    assert sb.Timeline.from_json(timeline.to_json()) == timeline
    if timeline.batches is not None and timeline.batches < 200:
        numbers = np.arange(timeline.batches)
        epoch, iteration = timeline.locate(numbers, unit="batch")
        np.testing.assert_array_equal(timeline.index(epoch, iteration, unit="batch"), numbers)
        steps = timeline.index(epoch, iteration, invalid="mask")
        assert len({*steps.tolist()} - {-1}) == timeline.steps
        places = list(zip(epoch.tolist(), iteration.tolist(), strict=True))
        assert places == sorted(set(places))
        assert all(i == 0 or (e, i - 1) in set(places) for e, i in places)


@given(
    st.text(max_size=20)
    | st.from_regex(r'\{"format":"stepbridge\.timeline","version":1,"segments":\[.*', fullmatch=True)
)
def test_no_json_does_worse_than_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        sb.Timeline.from_json(text)
