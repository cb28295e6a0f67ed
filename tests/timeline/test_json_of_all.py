"""Every constructor of a timeline with all of its arguments: what is written as JSON, pickled or copied is the same."""

from __future__ import annotations

import copy
import itertools
import json
import pickle
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

import stepbridge as sb

counts = st.integers(1, 40) | st.sampled_from([1, 2**31, 2**62, 2**63 - 1])
small = st.integers(1, 40)
boundaries: st.SearchStrategy[Any] = st.sampled_from(["flush", "carry", "drop", "spill"])
cuts: st.SearchStrategy[Any] = st.sampled_from(["carry", "drop", "spill"])
sizes = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 9)), max_size=4).map(
    lambda pairs: [(0, 3), *((at, size) for at, size in sorted(dict(pairs).items()) if at)]
)


@st.composite
def plans(draw: st.DrawFn) -> sb.Timeline:
    arguments: dict[str, Any] = {
        "epochs": draw(st.none() | counts),
        "accumulate": draw(small | counts),
        "boundary": draw(boundaries),
        "on_cut": draw(cuts),
        "drop_last": draw(st.booleans()),
        "tokens_per_sample": draw(st.none() | counts),
    }
    arguments |= draw(
        st.fixed_dictionaries({"samples": counts, "batch_size": counts})
        | st.fixed_dictionaries({"batches_per_epoch": counts}, optional={"batch_size": counts})
        | st.fixed_dictionaries({"samples": small, "batch_size": sizes})
        | st.just({})
    )
    return sb.Timeline.plan(**arguments)


@st.composite
def streams(draw: st.DrawFn) -> sb.Timeline:
    arguments: dict[str, Any] = {
        "batch_size": draw(counts | sizes | st.sampled_from(["0:4 12:8", "0:4, 100sp:8 3kba:16"])),
        "samples": draw(st.none() | counts),
        "tokens_per_sample": draw(st.none() | counts),
        "accumulate": draw(small | counts),
    }
    ends = [{}, {"steps": draw(counts)}]
    if arguments["tokens_per_sample"] is not None:
        ends.append({"tokens": draw(counts)})
    return sb.Timeline.stream(**arguments, **draw(st.sampled_from(ends)))


@st.composite
def histories(draw: st.DrawFn) -> sb.Timeline:
    lengths = draw(st.lists(st.integers(0, 9), max_size=6))
    arguments: dict[str, Any] = {
        "accumulate": draw(small | counts),
        "boundary": draw(boundaries),
        "on_cut": draw(cuts),
        "cut": draw(st.booleans()),
    }
    if draw(st.booleans()):
        arguments["batch_size"] = draw(small)
        arguments["tokens_per_sample"] = draw(st.none() | small)
    elif draw(st.booleans()):
        arguments["samples"] = [length * draw(st.integers(1, 9)) for length in lengths]
    return sb.Timeline.from_epochs(lengths, **arguments)


@st.composite
def observed(draw: st.DrawFn) -> sb.Timeline:
    """What a clock observed that counts tokens."""
    clock = sb.StepClock(
        batches_per_epoch=draw(st.none() | small), epochs=draw(st.none() | small), accumulate=draw(small)
    )
    clock._mark_every(0)
    for _ in range(draw(st.integers(0, 4))):
        if not clock.begin_epoch():
            break
        for _ in range(draw(st.integers(0, 3))):
            clock.advance(last=draw(st.booleans()))
            clock.add_tokens(draw(st.integers(0, 1000)))
            if clock._is_whole:
                break
        if draw(st.booleans()):
            break
    return clock.timeline


@st.composite
def timelines(draw: st.DrawFn) -> sb.Timeline:
    try:
        timeline = draw(plans() | streams() | histories() | observed())
    except (sb.TimelineError, OverflowError, sb.StepbridgeWarning):
        assume(False)
    for _ in range(draw(st.integers(0, 3))):
        change = draw(
            st.fixed_dictionaries({"batch_size": small})
            | st.fixed_dictionaries(
                {"accumulate": small, "pending": st.sampled_from(["flush", "drop", "carry", "modulo", 0, 1])}
            )
            | st.fixed_dictionaries({"batches_per_epoch": small})
            | st.fixed_dictionaries({"samples": small})
        )
        try:
            timeline = timeline.change(at=f"{draw(st.integers(0, 60))}ba", **change)
        except (sb.TimelineError, OverflowError, IndexError):
            continue
    return timeline


@given(timelines())
def test_what_is_written_is_read_as_it_was(timeline: sb.Timeline) -> None:
    text = timeline.to_json()
    copies = [sb.Timeline.from_json(text), pickle.loads(pickle.dumps(timeline)), copy.copy(timeline)]
    for again in [*copies, copy.deepcopy(timeline)]:
        assert again == timeline
        assert hash(again) == hash(timeline)
        assert again.to_json() == text
        assert repr(again) == repr(timeline)
        assert again.segments == timeline.segments
        for name in ("epochs", "batches", "steps", "samples", "tokens", "tokens_per_sample", "is_stream"):
            assert getattr(again, name) == getattr(timeline, name)
    # JSON that was laid out by another program is the same document.
    assert sb.Timeline.from_json(json.dumps(json.loads(text), indent=1, sort_keys=True)) == timeline


@given(timelines(), timelines())
def test_equal_is_what_is_written_alike(one: sb.Timeline, other: sb.Timeline) -> None:
    assert (one == other) == (one.to_json() == other.to_json())
    units: tuple[Any, ...] = ("batch", "step")
    for unit, number in itertools.product(units, range(5)):
        if one == other:
            assert one.locate(number, unit, invalid="mask") == other.locate(number, unit, invalid="mask")


@given(timelines())
def test_a_clock_on_it_is_saved_and_goes_on(timeline: sb.Timeline) -> None:
    clock = sb.StepClock(timeline)
    state = json.loads(json.dumps(clock.state_dict()))
    for again in (sb.StepClock(), sb.StepClock(timeline)):
        again.load_state_dict(state)
        assert again.timeline == clock.timeline
        assert again.position == clock.position
