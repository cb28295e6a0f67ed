"""Quantities: what text is understood, that numbers stay exact, and that units never mix unasked."""

from __future__ import annotations

import copy
import operator
import pickle
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepbridge as sb

if TYPE_CHECKING:
    from collections.abc import Callable

BIGGEST = 2**63 - 1
COUNTED = ("sp", "tok", "ba", "st")
UNITS = (*COUNTED, "ep", "dur")
NAMES = {"sample": "sp", "token": "tok", "batch": "ba", "step": "st", "epoch": "ep", "duration": "dur"}
ORDERINGS = (operator.lt, operator.le, operator.gt, operator.ge)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        pytest.param("3ep", 3, "ep", id="epochs"),
        pytest.param("500st", 500, "st", id="steps"),
        pytest.param("12ba", 12, "ba", id="batches"),
        pytest.param("100sp", 100, "sp", id="samples"),
        pytest.param("7tok", 7, "tok", id="tokens"),
        pytest.param("0ep", 0, "ep", id="nothing"),
        pytest.param("12_000ba", 12000, "ba", id="underscores group digits"),
        pytest.param("1_000_000st", 1_000_000, "st", id="more underscores"),
        pytest.param("2.5ep", Fraction(5, 2), "ep", id="a decimal"),
        pytest.param("0.1ep", Fraction(1, 10), "ep", id="a decimal that no float holds"),
        pytest.param("0.3dur", Fraction(3, 10), "dur", id="a duration"),
        pytest.param("1dur", 1, "dur", id="the whole run"),
        pytest.param("1/3ep", Fraction(1, 3), "ep", id="a fraction"),
        pytest.param("7/2ep", Fraction(7, 2), "ep", id="a fraction above one"),
        pytest.param("2/6ep", Fraction(1, 3), "ep", id="a fraction in other terms"),
        pytest.param("10%", Fraction(1, 10), "dur", id="per cent of the run"),
        pytest.param("100%", 1, "dur", id="all of it"),
        pytest.param("12.5%", Fraction(1, 8), "dur", id="a decimal per cent"),
        pytest.param("9007199254740993sp", 2**53 + 1, "sp", id="past what a float can count"),
        pytest.param("9007199254740993ep", 2**53 + 1, "ep", id="epochs past what a float can count"),
        pytest.param("9223372036854775807st", BIGGEST, "st", id="the biggest count"),
    ],
)
def test_parse(text: str, value: int | Fraction, unit: str) -> None:
    quantity = sb.Quantity.parse(text)
    assert quantity.value == value
    assert quantity.unit == unit
    assert not isinstance(quantity.value, float)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(" ", id="a blank"),
        pytest.param("ep", id="no number"),
        pytest.param("3", id="no unit"),
        pytest.param("3 parsecs", id="an unknown unit"),
        pytest.param("3eps", id="a unit and more"),
        pytest.param("3ep5", id="a unit and a number"),
        pytest.param("3ep 5ba", id="two quantities"),
        pytest.param("ep3", id="the wrong way round"),
        pytest.param("-3ep", id="negative"),
        pytest.param("--3ep", id="twice negative"),
        pytest.param("1/0ep", id="divided by zero"),
        pytest.param("/3ep", id="no numerator"),
        pytest.param("1/ep", id="no denominator"),
        pytest.param("1/2/3ep", id="two fractions"),
        pytest.param("1.2.3ep", id="two points"),
        pytest.param(".ep", id="a point alone"),
        pytest.param("1,000ba", id="a comma"),
        pytest.param("__1ba", id="leading underscores"),
        pytest.param("1_ba", id="a trailing underscore"),
        pytest.param("1__0ba", id="doubled underscores"),
        pytest.param("0x10ba", id="hexadecimal"),
        pytest.param("nanep", id="not a number"),
        pytest.param("infep", id="infinity"),
        pytest.param("٣ep", id="digits of another script"),
        pytest.param("3EPOCHS!", id="shouting"),
        pytest.param("%", id="per cent of nothing"),
        pytest.param("10%ep", id="per cent and a unit"),
        pytest.param("3\x00ep", id="a NUL"),
        pytest.param("3🙂ep", id="outside the BMP"),
    ],
)
def test_parse_shows_what_it_did_not_understand(text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is looked at below
        sb.Quantity.parse(text)
    assert text.replace("\0", "\\0") in str(caught.value)


@pytest.mark.parametrize("text", ["2.5ba", "1/3st", "0.5sp", "7/2tok"])
def test_parse_refuses_part_of_a_count(text: str) -> None:
    with pytest.raises(ValueError, match="whole"):
        sb.Quantity.parse(text)


@pytest.mark.parametrize("text", ["9223372036854775808ba", "1" + "0" * 40 + "st", "1" + "0" * 400 + "sp"])
def test_parse_refuses_counts_past_the_limit(text: str) -> None:
    with pytest.raises(OverflowError):
        sb.Quantity.parse(text)


@pytest.mark.parametrize("text", [3, 2.5, None, b"3ep", Fraction(1, 3)])
def test_parse_takes_text_only(text: Any) -> None:
    with pytest.raises(TypeError):
        sb.Quantity.parse(text)


@pytest.mark.parametrize(("name", "unit"), NAMES.items())
def test_units_have_long_names(name: str, unit: str) -> None:
    assert sb.Quantity(3, name) == sb.Quantity(3, unit)  # type: ignore[arg-type]
    assert sb.Quantity(3, name).unit == unit  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [True, False, 1.0, 2.5, "3", None, 1j])
@pytest.mark.parametrize("unit", ["ba", "ep"])
def test_values_of_the_wrong_kind_are_refused(value: Any, unit: Any) -> None:
    with pytest.raises(TypeError):
        sb.Quantity(value, unit)


@pytest.mark.parametrize("unit", COUNTED)
def test_counts_are_whole(unit: Any) -> None:
    with pytest.raises(TypeError):
        sb.Quantity(Fraction(1, 2), unit)
    assert sb.Quantity(Fraction(4, 2), unit) == sb.Quantity(2, unit)


@pytest.mark.parametrize("unit", UNITS)
def test_negative_amounts_are_refused(unit: Any) -> None:
    with pytest.raises(ValueError, match="-1"):
        sb.Quantity(-1, unit)


@pytest.mark.parametrize("unit", COUNTED)
def test_counts_have_a_limit(unit: Any) -> None:
    assert sb.Quantity(BIGGEST, unit).value == BIGGEST
    with pytest.raises(OverflowError):
        sb.Quantity(BIGGEST + 1, unit)


@pytest.mark.parametrize("unit", ["", "x", "EP ", "iter", "epochs?"])
def test_unknown_units_are_named(unit: Any) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is looked at below
        sb.Quantity(3, unit)
    assert unit in str(caught.value)


def test_quantities_are_values() -> None:
    quantity = sb.Quantity(3, "ep")
    with pytest.raises((AttributeError, TypeError)):
        quantity.value = 4
    assert not hasattr(quantity, "__dict__")
    assert pickle.loads(pickle.dumps(quantity)) == quantity
    assert copy.deepcopy(quantity) == quantity
    assert "3" in repr(quantity)
    assert "ep" in repr(quantity)


def test_equality_never_raises() -> None:
    three = sb.Quantity(3, "ep")
    assert three == sb.Quantity(Fraction(6, 2), "ep")
    assert hash(three) == hash(sb.Quantity(Fraction(6, 2), "ep"))
    others: list[object] = [sb.Quantity(3, "ba"), sb.Quantity(4, "ep"), 3, 3.0, "three", None, object()]
    assert all(three != other for other in others)
    assert sb.Quantity.parse("100%") != sb.Quantity(1, "ep")


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_ordering_across_units_raises(ordering: Callable[[Any, Any], bool]) -> None:
    with pytest.raises(sb.UnitMismatchError) as caught:
        ordering(sb.Quantity(1, "ep"), sb.Quantity(400, "ba"))
    assert isinstance(caught.value, TypeError)
    assert "ep" in str(caught.value)
    assert "ba" in str(caught.value)


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_ordering_with_a_number_raises(ordering: Callable[[Any, Any], bool]) -> None:
    with pytest.raises(TypeError):
        ordering(sb.Quantity(1, "ep"), 1)


def test_amounts_of_one_unit_add_up() -> None:
    assert sb.Quantity(1, "ep") + sb.Quantity(Fraction(1, 3), "ep") == sb.Quantity(Fraction(4, 3), "ep")
    assert sb.Quantity(5, "ba") - sb.Quantity(3, "ba") == sb.Quantity(2, "ba")
    with pytest.raises(ValueError, match="-2"):
        sb.Quantity(3, "ba") - sb.Quantity(5, "ba")
    with pytest.raises(OverflowError):
        sb.Quantity(BIGGEST, "ba") + sb.Quantity(1, "ba")


@pytest.mark.parametrize("arithmetic", [operator.add, operator.sub])
def test_amounts_of_two_units_do_not_add_up(arithmetic: Callable[[Any, Any], Any]) -> None:
    with pytest.raises(sb.UnitMismatchError, match=r"(?s)ep.*ba"):
        arithmetic(sb.Quantity(4, "ep"), sb.Quantity(1, "ba"))
    with pytest.raises(TypeError):
        arithmetic(sb.Quantity(4, "ep"), 1)
    with pytest.raises(TypeError):
        arithmetic(1, sb.Quantity(4, "ep"))


amounts = st.one_of(st.integers(0, 100), st.fractions(0, 100, max_denominator=20))


@given(amounts, amounts, st.sampled_from(["ep", "dur"]))
def test_ordering_is_that_of_the_amounts(a: Fraction, b: Fraction, unit: Any) -> None:
    left, right = sb.Quantity(a, unit), sb.Quantity(b, unit)
    for ordering in (*ORDERINGS, operator.eq, operator.ne):
        assert ordering(left, right) is ordering(a, b)


@given(st.integers(0, BIGGEST), st.sampled_from(COUNTED))
def test_counts_survive_text(value: int, unit: Any) -> None:
    quantity = sb.Quantity(value, unit)
    assert str(quantity) == f"{value}{unit}"
    assert sb.Quantity.parse(str(quantity)) == quantity
    assert sb.Quantity.parse(f"{value:_}{unit}") == quantity


@given(st.integers(0, 10**9), st.integers(1, 10**9), st.sampled_from(["ep", "dur"]))
def test_fractions_survive_text(numerator: int, denominator: int, unit: Any) -> None:
    quantity = sb.Quantity(Fraction(numerator, denominator), unit)
    assert quantity.value == Fraction(numerator, denominator)
    assert sb.Quantity.parse(str(quantity)) == quantity
    assert sb.Quantity.parse(f"{numerator}/{denominator}{unit}") == quantity


@given(st.integers(0, 10**6), st.integers(0, 9999))
def test_decimals_are_exact(whole: int, decimals: int) -> None:
    text = f"{whole}.{decimals:04d}"
    assert sb.Quantity.parse(text + "ep").value == Fraction(text)
    assert sb.Quantity.parse(text + "%").value == Fraction(text) / 100


@given(st.text(max_size=8))
def test_no_text_does_worse_than_an_error(text: str) -> None:
    try:
        quantity = sb.Quantity.parse(text)
    except (ValueError, OverflowError):
        return
    assert sb.Quantity.parse(str(quantity)) == quantity
