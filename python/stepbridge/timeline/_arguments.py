"""Checks of single arguments. A count is an integer of any library; `bool`, floats and fractions are refused."""

from __future__ import annotations

from stepbridge import _core
from stepbridge._errors import TimelineError, UnitMismatchError

__all__ = ["MAX_COUNT", "count", "flag", "optional_positive", "positive", "text", "whole_number"]

#: The largest count: what an int64 holds.
MAX_COUNT = 2**63 - 1


def whole_number(name: str, value: object, unit: str | None = None) -> int:
    """Returns `value` as an int. Everything with `__index__` is an integer, but for `bool` and numpy's bool.

    Args:
        name: the argument, for the message.
        value: what was given.
        unit: what it counts; an exact answer of another unit is refused.

    Raises:
        TypeError: it is not an integer.
        UnitMismatchError: it is an exact answer in another unit.
        OverflowError: it does not fit an int64.
    """
    number = value if type(value) is int else _as_int(name, value, unit)
    if not -MAX_COUNT - 1 <= number <= MAX_COUNT:
        raise OverflowError(f"{name}={number} is past 2**63 - 1, the largest count that stepbridge holds")
    return number


def _as_int(name: str, value: object, unit: str | None) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an integer, not {type(value).__name__} ({value!r})")
    if str(getattr(value, "dtype", "")) == "bool":
        raise TypeError(f"{name} must be an integer, not a numpy bool ({value!r})")
    given = getattr(value, "unit", None)
    if unit is not None and isinstance(given, str):
        symbol, word, _ = _core.parse_unit(unit)
        if symbol != given:
            raise UnitMismatchError(f"{name} counts in {word} units ({symbol}), not {value}: convert it first")
    return int(value.__index__())


def positive(name: str, value: object, unit: str | None = None) -> int:
    """Returns a count of at least 1.

    Raises:
        TypeError, UnitMismatchError, OverflowError: as `whole_number`.
        TimelineError: it is less than 1.
    """
    number = whole_number(name, value, unit)
    if number < 1:
        raise TimelineError(f"{name} must be at least 1, not {number}")
    return number


def optional_positive(name: str, value: object, unit: str | None = None) -> int | None:
    """Returns a count of at least 1, or None where there is none; see `positive`."""
    return None if value is None else positive(name, value, unit)


def count(name: str, value: object, unit: str | None = None) -> int:
    """Returns a count of at least 0.

    Raises:
        TypeError, UnitMismatchError, OverflowError: as `whole_number`.
        TimelineError: it is negative.
    """
    number = whole_number(name, value, unit)
    if number < 0:
        raise TimelineError(f"{name} must be at least 0, not {number}")
    return number


def text(name: str, value: object) -> str:
    """Returns `value` if it is a str.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__} ({value!r})")
    return value


def flag(name: str, value: object) -> bool:
    """Returns `value` if it is True or False.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return value
