"""A checkpoint that is damaged or forged: it is taken over whole, or refused, and the clock stands where it stood."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepbridge as sb

#: What a checkpoint's format can hold, the edges of integers among it.
numbers = st.sampled_from([-1, 0, 1, 2, 7, 2**31, 2**62, 2**63 - 1, 2**63, -(2**63), 2**200])
others = st.sampled_from([None, True, 0.5, 1e300, float("inf"), "", "3", "x", [], {}, [1], {"a": 1}])
values: st.SearchStrategy[object] = numbers | others
FIELDS = ("epochs", "batches", "batch_size", "last_batch_size", "samples", "accumulate", "boundary", "cut", "joins")


def clock() -> sb.StepClock:
    return sb.StepClock(samples=1000, batch_size=200, epochs=5, accumulate=2)


def saved() -> dict[str, Any]:
    """Save a clock in the middle of its run."""
    ours = clock()
    for _ in ours.epochs(2):
        for _ in ours.batches(range(5)):
            pass
    return ours.state_dict()


SAVED = saved()


def stand(clock: sb.StepClock) -> tuple[object, ...]:
    counts = (clock.batch, clock.step, clock.applied, clock.sample, clock.token, clock.padding, clock.position)
    return (*counts, clock.timeline, clock.state_dict())


@st.composite
def states(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a state with some of its fields changed, a text's own fields among them."""
    state = dict(SAVED)
    for key in draw(st.lists(st.sampled_from(list(state)), min_size=1, max_size=3, unique=True)):
        if key in ("timeline", "plan") and draw(st.booleans()):
            text = json.loads(state[key]) if isinstance(state[key], str) and state[key] else {"segments": []}
            segments = text["segments"] if isinstance(text, dict) else []
            for segment in segments:
                segment[draw(st.sampled_from(FIELDS))] = draw(values)
            state[key] = json.dumps(text)
        elif key == "optimizers":
            state[key] = draw(values | st.dictionaries(st.sampled_from(["adam", "", 1]), values, max_size=2))
        elif draw(st.integers(0, 9)) == 0:
            state.pop(key, None)
        else:
            state[key] = draw(values)
    return state


@given(states(), st.booleans())
def test_a_state_is_taken_over_whole_or_refused(state: dict[str, Any], changed: bool) -> None:
    ours = clock()
    before = stand(ours)
    try:
        ours.load_state_dict(state, changed=changed)
    except (ValueError, IndexError, OverflowError):
        assert stand(ours) == before
    else:
        assert ours.state_dict()["batch"] == state["batch"]
        assert repr(ours)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"optimizers": 3}, "optimizers of type int", id="optimizers"),
        pytest.param({"optimizers": {"adam": -1}}, "optimizers['adam']=-1", id="negative updates"),
        pytest.param({"optimizers": {"adam": "1"}}, "optimizers['adam'] must be an integer", id="updates as text"),
        pytest.param({"padding": None}, "padding must be an integer", id="padding"),
        pytest.param({"token": 2**63}, "token=9223372036854775808", id="too large"),
        pytest.param({"timeline": b"{}"}, "timeline of type bytes", id="timeline"),
    ],
)
def test_the_sentence_names_what_is_wrong(changes: dict[str, Any], named: str) -> None:
    ours = clock()
    before = stand(ours)
    with pytest.raises(ValueError, match="it was not made by state_dict") as refused:
        ours.load_state_dict({**SAVED, **changes})
    assert named in str(refused.value)
    assert stand(ours) == before


def test_epochs_that_are_not_where_the_batches_are() -> None:
    ours = clock()
    before = stand(ours)
    with pytest.raises(ValueError, match=r"epochs are complete on this timeline, not 99"):
        ours.load_state_dict({**SAVED, "epochs": 99})
    assert stand(ours) == before
