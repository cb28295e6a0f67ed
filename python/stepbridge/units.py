"""Amounts with a unit: `"3ep"`, `"500st"`, `"1/3ep"`, `"10%"`. Their text is parsed in Rust, never as a float."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from stepbridge import _core
from stepbridge.errors import UnitMismatchError

if TYPE_CHECKING:
    from stepbridge._core import Amount

__all__ = ["MAX_COUNT", "Quantity", "QuantityLike", "Unit", "UnitLike", "as_quantity", "count", "whole_number"]

#: The unit strings, smallest first.
Unit: TypeAlias = Literal["sp", "tok", "ba", "st", "ep", "dur"]
#: What is accepted wherever a unit is asked for.
UnitLike: TypeAlias = Literal[
    "sp", "tok", "ba", "st", "ep", "dur", "sample", "token", "batch", "step", "epoch", "duration"
]

#: The largest count: what an int64 holds.
MAX_COUNT = 2**63 - 1


def whole_number(name: str, value: object) -> int:
    """Returns `value` as an int, refusing what is not an integer: `bool`, floats and fractions are no counts.

    Integers of numpy and of other libraries are accepted (`__index__`).

    Raises:
        TypeError: it is not an integer.
        OverflowError: it does not fit an int64.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an integer, not {type(value).__name__} ({value!r})")
    if str(getattr(value, "dtype", "")) == "bool":
        raise TypeError(f"{name} must be an integer, not a numpy bool ({value!r})")
    number = int(value.__index__())
    if not -MAX_COUNT - 1 <= number <= MAX_COUNT:
        raise OverflowError(f"{name}={number} is past 2**63 - 1, the largest count that stepbridge holds")
    return number


def count(name: str, value: object) -> int:
    """Returns `value` as an int that may be a count: what `whole_number` takes, and not negative.

    Raises:
        TypeError, OverflowError: as `whole_number`.
        ValueError: it is negative.
    """
    number = whole_number(name, value)
    if number < 0:
        raise ValueError(f"{name} must be at least 0, not {number}")
    return number


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount of one unit, counted from the start of the run (so `base` never applies).

    `value` is an int for samples (`sp`), tokens (`tok`), batches (`ba`) and steps (`st`), which come whole; for epochs
    (`ep`) and the duration (`dur`, a fraction of the planned run) a `fractions.Fraction` where it is not whole.
    Amounts of one unit are ordered and can be added and subtracted; equality with another unit is False.

    Raises:
        TypeError: the value is a bool, a float, or a fraction of what comes whole.
        ValueError: it is negative, or the unit is unknown.
        OverflowError: it passes 2**63 - 1.
        UnitMismatchError: two units are ordered or added.

    >>> Quantity.parse("12_000ba")
    Quantity(12000, 'ba')
    >>> Quantity.parse("10%")
    Quantity(Fraction(1, 10), 'dur')
    >>> str(Quantity.parse("2.5ep"))
    '2.5ep'
    >>> Quantity(3, "ep") < Quantity.parse("10/3ep")
    True
    """

    value: int | Fraction
    unit: Unit

    def __post_init__(self) -> None:
        symbol, name, counted = _core.parse_unit(self.unit)
        value = self.value
        if isinstance(value, Fraction) and value.denominator > 1:
            if counted:
                raise TypeError(f"a count of {name}s comes whole, not {value}")
        else:
            value = whole_number(name, value.numerator if isinstance(value, Fraction) else value)
        if value < 0:
            raise ValueError(f"an amount cannot be negative: {value}{symbol}")
        if max(value.numerator, value.denominator) > MAX_COUNT:
            raise OverflowError(f"{value}{symbol} is past 2**63 - 1, the largest count that stepbridge holds")
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "unit", symbol)

    @classmethod
    def parse(cls, text: str) -> Quantity:
        """Reads a number and a unit: `"3ep"`, `"500st"`, `"12_000ba"`, `"2.5ep"`, `"1/3ep"`, `"10%"` (of the plan).

        Raises:
            ValueError: the text is not a quantity; the message shows what was not understood.
            OverflowError: the number passes 2**63 - 1.
        """
        return _parse(text)

    @classmethod
    def _of(cls, amount: Amount) -> Quantity:
        num, den, unit = amount
        return cls(num if den == 1 else Fraction(num, den), unit)

    @property
    def _amount(self) -> Amount:
        return (self.value.numerator, self.value.denominator, self.unit)

    def __str__(self) -> str:
        return _core.format_quantity(self._amount)

    def __repr__(self) -> str:
        return f"Quantity({self.value!r}, {self.unit!r})"

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(self.value + self._same_unit(other, "add").value, self.unit)

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(self.value - self._same_unit(other, "subtract").value, self.unit)

    def __lt__(self, other: Quantity) -> bool:
        return self.value < self._same_unit(other, "order").value

    def __le__(self, other: Quantity) -> bool:
        return self.value <= self._same_unit(other, "order").value

    def __gt__(self, other: Quantity) -> bool:
        return self.value > self._same_unit(other, "order").value

    def __ge__(self, other: Quantity) -> bool:
        return self.value >= self._same_unit(other, "order").value

    def _same_unit(self, other: object, verb: str) -> Quantity:
        if not isinstance(other, Quantity):
            raise TypeError(f"cannot {verb} {self} and {other!r}: expected a Quantity, such as Quantity.parse('3ep')")
        if other.unit != self.unit:
            raise UnitMismatchError(
                f"cannot {verb} {self} and {other}: how they relate depends on the run; "
                "use Timeline.compare or Timeline.convert"
            )
        return other


#: What is accepted wherever an amount is asked for.
QuantityLike: TypeAlias = Quantity | str


@lru_cache(maxsize=256)
def _parse(text: str) -> Quantity:
    if not isinstance(text, str):
        raise TypeError(f"a quantity's text must be a str such as '3ep', not {type(text).__name__}")
    return Quantity._of(_core.parse_quantity(text))


def as_quantity(name: str, quantity: object) -> Quantity:
    """Returns a `Quantity` from one, or from its text.

    Raises:
        TypeError: a bare number, which lacks its unit.
        ValueError: a text that is not a quantity.
    """
    if isinstance(quantity, Quantity):
        return quantity
    if isinstance(quantity, str):
        return _parse(quantity)
    given = f"{quantity!r} ({type(quantity).__name__})"
    raise TypeError(f"{name} needs a unit: give a str such as '12ba' or a Quantity, not {given}")
