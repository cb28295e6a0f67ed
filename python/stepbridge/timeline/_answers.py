"""What a conversion answers: exactly this, between these two, past the end, or undetermined and why."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from stepbridge._errors import TimelineError
from stepbridge.timeline._quantity import Quantity
from stepbridge.timeline._values import Value

if TYPE_CHECKING:
    from fractions import Fraction
    from typing import TypeGuard

    from stepbridge._core import Conversion

    Number: TypeAlias = int | float | Fraction

__all__ = ["Answer", "Between", "Exact", "PastEnd", "Undetermined", "answer_from_core"]


class Exact(Quantity):
    """The amount is exactly `value` of `unit`: a quantity, and a number.

    `int()`, `float()`, `range()` and an argument that takes a count accept it; so do `==`, `<` and their like, with
    numbers and with quantities. Another unit is another amount: `==` is False, and an order or an argument of another
    unit is a `UnitMismatchError`.

    >>> answer = Exact(15, "st")
    >>> int(answer), answer == 15, answer < 16, len(range(answer))
    (15, True, True, 15)
    >>> answer == Quantity(15, "ba")
    False
    """

    __slots__ = ()

    def __int__(self) -> int:
        if self.value.denominator != 1:
            raise TimelineError(f"{self} is not a whole number: float() or .value has the fraction")
        return self.value.numerator

    def __index__(self) -> int:
        if self.value.denominator != 1:
            raise TypeError(f"{self} is not a whole number")
        return self.value.numerator

    def __float__(self) -> float:
        return float(self.value)

    def __eq__(self, other: object) -> bool:
        return bool(self.value == other) if _is_number(other) else Quantity.__eq__(self, other)

    __hash__ = Quantity.__hash__

    def __lt__(self, other: Quantity | Number) -> bool:
        return self.value < self._comparable(other)

    def __le__(self, other: Quantity | Number) -> bool:
        return self.value <= self._comparable(other)

    def __gt__(self, other: Quantity | Number) -> bool:
        return self.value > self._comparable(other)

    def __ge__(self, other: Quantity | Number) -> bool:
        return self.value >= self._comparable(other)

    def _comparable(self, other: object) -> Number:
        return other if _is_number(other) else self._same_unit(other, "order")


def _is_number(value: object) -> TypeGuard[Number]:
    return isinstance(value, Real) and not isinstance(value, bool)


class _Inexact(Value):
    """Refuses to be a number."""

    __slots__ = ()

    def __int__(self) -> NoReturn:
        raise TypeError(f"only an Exact answer is a number; this one is {self!r}")

    def __float__(self) -> NoReturn:
        raise TypeError(f"only an Exact answer is a number; this one is {self!r}")


class Between(_Inexact):
    """The unit has no amount there: `lower` and `upper` are its neighbours; `upper` is None where none is reached."""

    __slots__ = __match_args__ = ("lower", "upper")
    lower: Quantity
    upper: Quantity | None

    def __init__(self, lower: Quantity, upper: Quantity | None) -> None:
        self._set(lower=lower, upper=upper)

    def __str__(self) -> str:
        upper = "the end" if self.upper is None else str(self.upper)
        return f"between {self.lower} and {upper}"


class PastEnd(_Inexact):
    """The amount is past the end of the run, which is at `end`."""

    __slots__ = __match_args__ = ("end",)
    end: Quantity

    def __init__(self, end: Quantity) -> None:
        self._set(end=end)

    def __str__(self) -> str:
        return f"past the end ({self.end})"


class Undetermined(_Inexact):
    """The answer depends on something that is not stated; `why` says on what."""

    __slots__ = __match_args__ = ("why",)
    why: str

    def __init__(self, why: str) -> None:
        self._set(why=why)

    def __str__(self) -> str:
        return f"undetermined: {self.why}"


#: What `Timeline.convert` returns.
Answer: TypeAlias = Exact | Between | PastEnd | Undetermined


def answer_from_core(answer: Conversion) -> Answer:
    """Gives the core's tagged tuple its type."""
    match answer:
        case ("exact", amount):
            return Exact._of(amount)
        case ("between", lower, upper):
            return Between(Quantity._of(lower), None if upper is None else Quantity._of(upper))
        case ("past_end", end):
            return PastEnd(Quantity._of(end))
        case ("undetermined", why):
            return Undetermined(why)
