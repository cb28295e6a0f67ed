"""What a conversion answers: exactly this, between these two, beyond the end, or unknown and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from stepbridge.timeline._quantity import Quantity

if TYPE_CHECKING:
    from fractions import Fraction

    from stepbridge._core import Conversion
    from stepbridge.timeline._units import Unit

__all__ = ["Answer", "Between", "Beyond", "Exact", "Unknown", "answer_from_core"]


@dataclass(frozen=True, slots=True)
class Exact:
    """The amount is exactly `value` of `unit`; `int()` of it works where the value is whole.

    >>> int(Exact(15, "st"))
    15
    """

    value: int | Fraction
    unit: Unit

    def __int__(self) -> int:
        if self.value.denominator != 1:
            raise ValueError(f"{self.value}{self.unit} is not a whole number")
        return self.value.numerator

    def __str__(self) -> str:
        return str(Quantity(self.value, self.unit))

    def __repr__(self) -> str:
        return f"Exact({self.value!r}, {self.unit!r})"


class _Inexact:
    """Refuses what only an exact answer can give."""

    __slots__ = ()

    def __int__(self) -> NoReturn:
        raise TypeError(f"only an Exact answer is a number; this one is {self!r}")


@dataclass(frozen=True, slots=True)
class Between(_Inexact):
    """The unit has no amount there: `lower` and `upper` are its neighbours; `upper` is None where none is reached."""

    lower: Quantity
    upper: Quantity | None

    def __str__(self) -> str:
        upper = "the end" if self.upper is None else str(self.upper)
        return f"between {self.lower} and {upper}"


@dataclass(frozen=True, slots=True)
class Beyond(_Inexact):
    """The amount is past the end of the run, which is at `end`."""

    end: Quantity

    def __str__(self) -> str:
        return f"beyond the end ({self.end})"


@dataclass(frozen=True, slots=True)
class Unknown(_Inexact):
    """The answer depends on something that nobody stated; `why` says on what."""

    why: str

    def __str__(self) -> str:
        return f"unknown: {self.why}"


#: What `Timeline.convert` returns.
Answer: TypeAlias = Exact | Between | Beyond | Unknown


def answer_from_core(answer: Conversion) -> Answer:
    """Gives the core's tagged tuple its type."""
    match answer:
        case ("exact", amount):
            exact = Quantity._of(amount)
            return Exact(exact.value, exact.unit)
        case ("between", lower, upper):
            return Between(Quantity._of(lower), None if upper is None else Quantity._of(upper))
        case ("beyond", end):
            return Beyond(Quantity._of(end))
        case ("unknown", why):
            return Unknown(why)
