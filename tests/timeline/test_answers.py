"""Answers: an exact one is a number and a quantity, the others are neither."""

from __future__ import annotations

import copy
import operator
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepbridge as sb

PLAN = sb.Timeline.plan(samples=1000, batch_size=300, epochs=5)
THIRD = sb.Exact(Fraction(1, 3), "ep")
ORDERINGS = (operator.lt, operator.le, operator.gt, operator.ge)
INEXACT = (
    sb.Between(sb.Quantity(4, "st"), sb.Quantity(5, "st")),
    sb.Between(sb.Quantity(4, "st"), None),
    sb.PastEnd(sb.Quantity(20, "ba")),
    sb.Undetermined("the plan has no batch_size"),
)

numbers = st.integers(0, 2**63 - 1) | st.fractions(0, 100) | st.floats(0, 1e300)


def test_an_exact_answer_is_a_number() -> None:
    answer = PLAN.convert("3ep", "step")
    assert answer == 12
    assert 12 == answer  # noqa: SIM300 - each side is asked
    assert answer != 13
    assert isinstance(answer, sb.Exact)
    assert int(answer) == 12
    assert float(answer) == 12.0
    assert list(range(answer)) == list(range(12))
    assert [*range(20)][answer] == 12
    assert answer in range(20)
    assert hash(answer) == hash(12)
    assert str(answer) == "12st"
    assert repr(answer) == "Exact(12, 'st')"


def test_a_fraction_is_a_number_that_is_not_whole() -> None:
    assert float(THIRD) == 1 / 3
    assert Fraction(1, 3) == THIRD
    assert THIRD < 0.5
    with pytest.raises(ValueError, match="1/3ep is not a whole number"):
        int(THIRD)
    with pytest.raises(TypeError, match="1/3ep is not a whole number"):
        range(THIRD)


@given(st.integers(0, 2**63 - 1) | st.fractions(0, 100, max_denominator=10**6), numbers)
def test_it_compares_as_its_number_does(value: Any, other: Any) -> None:
    answer = sb.Exact(value, "ep")
    for order in ORDERINGS:
        assert order(answer, other) == order(value, other)
        assert order(other, answer) == order(other, value)
    assert (answer == other) == (value == other)
    assert (answer != other) == (value != other)
    if answer == other:
        assert hash(answer) == hash(other)


def test_it_is_the_quantity() -> None:
    answer = sb.Exact(12, "st")
    assert answer == sb.Quantity(12, "st") == answer
    assert hash(answer) == hash(sb.Quantity(12, "st"))
    assert answer < sb.Quantity(13, "st")
    assert sb.Quantity(11, "st") < answer
    assert answer + sb.Quantity(1, "st") == sb.Quantity(13, "st")
    assert PLAN.compare(answer, "3ep") == 0
    assert PLAN.convert(answer, "epoch") == sb.Exact(3, "ep")
    clock = sb.StepClock(PLAN, until=answer)
    assert [clock.at(answer) for _ in clock.epochs() for _ in clock.batches(range(4))] == [False] * 11 + [True]


def test_another_unit_is_another_amount() -> None:
    answer = sb.Exact(12, "st")
    assert answer != sb.Exact(12, "ba")
    assert answer != sb.Quantity(12, "ba")
    for order in ORDERINGS:
        for other in (sb.Exact(12, "ba"), sb.Quantity(12, "ba")):
            with pytest.raises(sb.UnitMismatchError):
                order(answer, other)
            with pytest.raises(sb.UnitMismatchError):
                order(other, answer)


@pytest.mark.parametrize("other", ["12st", None, (12, "st"), [12], 12j, True, object()])
def test_equality_never_raises(other: object) -> None:
    for answer in (sb.Exact(12, "st"), sb.Exact(1, "st"), THIRD, *INEXACT):
        assert answer != other
        assert other != answer


@pytest.mark.parametrize("other", ["12st", None, (12, "st"), True])
def test_an_order_with_what_is_not_a_number(other: Any) -> None:
    for order in ORDERINGS:
        with pytest.raises(TypeError):
            order(sb.Exact(12, "st"), other)


def test_numbers_of_numpy() -> None:
    answer = sb.Exact(12, "st")
    assert answer == np.int64(12)
    assert answer < np.float32(12.5)
    assert np.arange(20)[answer] == 12


@pytest.mark.parametrize(
    ("use", "words"),
    [
        pytest.param(lambda answer: PLAN.locate(answer, "batch"), "n counts in batch units", id="locate"),
        pytest.param(lambda answer: PLAN.index(answer, 0), "epoch counts in epoch units", id="index"),
        pytest.param(lambda answer: sb.StepClock(padding=answer), "padding counts in sample units", id="padding"),
        pytest.param(lambda answer: sb.Timeline.plan(batches_per_epoch=answer), "batches_per_epoch", id="plan"),
        pytest.param(lambda answer: PLAN.change(at="1ep", samples=answer), "samples", id="change"),
        pytest.param(lambda answer: sb.StepClock(PLAN).epochs(answer), "n counts in epoch units", id="epochs"),
        pytest.param(lambda answer: sb.StepClock(PLAN).add_tokens(answer), "tokens", id="tokens"),
    ],
)
def test_an_argument_of_another_unit(use: Any, words: str) -> None:
    with pytest.raises(sb.UnitMismatchError, match=words):
        use(sb.Exact(12, "st"))


def test_an_argument_of_its_own_unit() -> None:
    answer = PLAN.convert("3ep", "step")
    assert isinstance(answer, sb.Exact)
    assert PLAN.locate(answer) == PLAN.locate(12)
    epochs = PLAN.convert("8ba", "epoch")
    assert sb.Timeline.plan(batches_per_epoch=4, epochs=epochs).epochs == 2  # type: ignore[arg-type]  # it has __index__


@pytest.mark.parametrize("answer", INEXACT)
def test_what_is_not_exact_is_not_a_number(answer: sb.Answer) -> None:
    for number in (int, float):
        with pytest.raises(TypeError, match="only an Exact answer is a number"):
            number(answer)
    uses: tuple[Any, ...] = (range, operator.index, lambda answer: answer < 3, PLAN.locate)
    for use in uses:
        with pytest.raises(TypeError):
            use(answer)


@pytest.mark.parametrize("answer", [sb.Exact(12, "st"), THIRD, *INEXACT])
def test_answers_are_values(answer: Any) -> None:
    pickled = pickle.loads(pickle.dumps(answer))
    for same in (pickled, copy.copy(answer), copy.deepcopy(answer), eval(repr(answer), NAMES)):
        assert same == answer
        assert type(same) is type(answer)
        assert hash(same) == hash(answer)
    name = answer.__match_args__[0]
    for changed in (name, "more"):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(answer, changed, 3)
    with pytest.raises(AttributeError, match="immutable"):
        delattr(answer, name)
    assert not hasattr(answer, "__dict__")


NAMES = {**vars(sb), "Fraction": Fraction}


def test_answers_of_different_kinds_differ() -> None:
    assert len({sb.Exact(3, "st"), *INEXACT}) == 5
    assert sb.Between(sb.Quantity(4, "st"), None) != INEXACT[0]
