"""Locations and positions: pairs that compare as tuples, and never with each other."""

from __future__ import annotations

import copy
import operator
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepbridge as sb

pairs = st.tuples(st.integers(0, 3), st.integers(0, 3))
KINDS = (sb.Location, sb.Position)
ORDERINGS = (operator.lt, operator.le, operator.gt, operator.ge)
#: Each comparison, and the one that says the same with the sides exchanged.
MIRRORED = {
    operator.eq: operator.eq,
    operator.ne: operator.ne,
    operator.lt: operator.gt,
    operator.gt: operator.lt,
    operator.le: operator.ge,
    operator.ge: operator.le,
}


@given(pairs, pairs)
def test_each_compares_as_a_tuple_does(one: tuple[int, int], other: tuple[int, int]) -> None:
    for kind in KINDS:
        point = kind(*one)
        for compare, mirrored in MIRRORED.items():
            assert compare(point, other) == mirrored(other, point) == compare(one, other)
            assert compare(point, kind(*other)) == compare(one, other)
        assert hash(point) == hash(one)


@given(pairs, pairs)
def test_a_location_is_never_a_position(one: tuple[int, int], other: tuple[int, int]) -> None:
    location, position = sb.Location(*one), sb.Position(*other)
    assert location != position
    assert not location == position  # noqa: SIM201 - both operators are asked
    assert position != location
    for order in ORDERINGS:
        with pytest.raises(TypeError):
            order(location, position)


def test_they_unpack() -> None:
    for kind in KINDS:
        epoch, iteration = point = kind(4, 2)
        assert (epoch, iteration, point.epoch, point.iter, point[0], len(point)) == (4, 2, 4, 2, 4, 2)
        assert repr(point) == f"{kind.__name__}(epoch=4, iter=2)"
        for same in (pickle.loads(pickle.dumps(point)), copy.deepcopy(point)):
            assert same == point
            assert type(same) is kind


def test_the_clock_tells_them_apart_at_the_end_of_an_epoch() -> None:
    clock = sb.StepClock(batches_per_epoch=4, epochs=2)
    for _ in clock.epochs(1):
        for _ in clock.batches(range(4)):
            pass
    assert (clock.location, clock.position) == ((0, 3), (1, 0))
    assert clock.location != clock.position
    clock = sb.StepClock(batches_per_epoch=1, epochs=2, initial="1ba")
    assert clock.plan.locate(1) == (1, 0) == clock.position
    assert clock.plan.locate(1) != clock.position
