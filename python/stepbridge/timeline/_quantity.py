"""Amounts with a unit: `"3ep"`, `"500st"`, `"1/3ep"`, `"10%"`. Their text is parsed in Rust, never as a float."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from stepbridge import _core
from stepbridge._errors import TimelineError, UnitMismatchError
from stepbridge.timeline._arguments import MAX_COUNT, text, whole_number
from stepbridge.timeline._values import Value

if TYPE_CHECKING:
    from typing_extensions import Self

    from stepbridge._core import Amount
    from stepbridge.timeline._units import Unit

__all__ = ["Quantity", "QuantityLike", "as_quantity"]


class Quantity(Value):
    """An amount of one unit, counted from the start of the run (so `base` never applies).

    `value` is an int for samples (`sp`), tokens (`tok`), batches (`ba`) and steps (`st`), which come whole; for epochs
    (`ep`) and the duration (`dur`, a fraction of the planned run) it is a `fractions.Fraction` where it is not whole.
    Amounts of one unit are ordered, and can be added and subtracted; equality with another unit is False.

    Raises:
        TypeError: the value is a bool, a float, or a fraction of what comes whole.
        TimelineError: it is negative, or the unit is unknown.
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

    __slots__ = ("unit", "value")
    __match_args__ = ("value", "unit")
    value: int | Fraction
    unit: Unit

    def __init__(self, value: int | Fraction, unit: Unit) -> None:
        symbol, name, counted = _core.parse_unit(text("unit", unit))
        if isinstance(value, Fraction) and value.denominator > 1:
            if counted:
                raise TypeError(f"a count of {name}s comes whole, not {value}")
        else:
            value = whole_number(name, value.numerator if isinstance(value, Fraction) else value)
        if value < 0:
            raise TimelineError(f"an amount cannot be negative: {value}{symbol}")
        if max(value.numerator, value.denominator) > MAX_COUNT:
            raise OverflowError(f"{value}{symbol} is past 2**63 - 1, the largest count that stepbridge holds")
        self._set(value=value, unit=symbol)

    @classmethod
    def parse(cls, text: str) -> Quantity:
        """Reads a number and a unit: `"3ep"`, `"500st"`, `"12_000ba"`, `"2.5ep"`, `"1/3ep"`, `"10%"` (of the plan).

        Raises:
            TimelineError: the text is not a quantity; the message shows what was not understood.
            OverflowError: the number passes 2**63 - 1.
        """
        if not isinstance(text, str):
            raise TypeError(f"a quantity's text must be a str such as '3ep', not {type(text).__name__}")
        return _parse(text)

    @classmethod
    def _of(cls, amount: Amount) -> Self:
        num, den, unit = amount
        return cls(num if den == 1 else Fraction(num, den), unit)

    @property
    def _amount(self) -> Amount:
        return (self.value.numerator, self.value.denominator, self.unit)

    def __str__(self) -> str:
        return _core.format_quantity(self._amount)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r}, {self.unit!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quantity):
            return NotImplemented
        return (self.value, self.unit) == (other.value, other.unit)

    def __hash__(self) -> int:
        # That of the number, which an exact answer is equal to as well.
        return hash(self.value)

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(self.value + self._same_unit(other, "add"), self.unit)

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(self.value - self._same_unit(other, "subtract"), self.unit)

    def __lt__(self, other: Quantity) -> bool:
        return self.value < self._same_unit(other, "order")

    def __le__(self, other: Quantity) -> bool:
        return self.value <= self._same_unit(other, "order")

    def __gt__(self, other: Quantity) -> bool:
        return self.value > self._same_unit(other, "order")

    def __ge__(self, other: Quantity) -> bool:
        return self.value >= self._same_unit(other, "order")

    def _same_unit(self, other: object, verb: str) -> int | Fraction:
        """The value of a quantity of the same unit."""
        if not isinstance(other, Quantity):
            raise TypeError(f"cannot {verb} {self} and {other!r}: expected a Quantity, such as Quantity.parse('3ep')")
        if other.unit != self.unit:
            raise UnitMismatchError(
                f"cannot {verb} {self} and {other}: how they relate depends on the run; "
                "use Timeline.compare or Timeline.convert"
            )
        return other.value


#: What every argument that takes an amount accepts.
QuantityLike: TypeAlias = Quantity | str


@lru_cache(maxsize=256)
def _parse(text: str) -> Quantity:
    return Quantity._of(_core.parse_quantity(text))


def as_quantity(name: str, quantity: object) -> Quantity:
    """Returns a `Quantity` from one, or from its text.

    Raises:
        TypeError: a bare number, which lacks its unit.
        TimelineError: a text that is not a quantity.
    """
    if isinstance(quantity, Quantity):
        return quantity
    if isinstance(quantity, str):
        try:
            return _parse(quantity)
        except (TimelineError, OverflowError) as error:
            raise type(error)(f"{name}: {error}") from None
    given = f"{quantity!r} ({type(quantity).__name__})"
    raise TypeError(f"{name} needs a unit: give a str such as '12ba' or a Quantity, not {given}")
