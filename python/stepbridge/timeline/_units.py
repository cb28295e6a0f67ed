"""The units that amounts are counted in, by name and by symbol."""

from __future__ import annotations

from typing import Literal, TypeAlias

from stepbridge import _core
from stepbridge.timeline._arguments import text

__all__ = ["Unit", "UnitLike", "unit_symbol"]

#: The symbols of the units, smallest first.
Unit: TypeAlias = Literal["sp", "tok", "ba", "st", "ep", "dur"]
#: What every argument that takes a unit accepts.
UnitLike: TypeAlias = Literal[
    "sp", "tok", "ba", "st", "ep", "dur", "sample", "token", "batch", "step", "epoch", "duration"
]


def unit_symbol(unit: UnitLike) -> Unit:
    """Returns the symbol of a unit.

    Raises:
        TypeError: it is not a str.
        TimelineError: it is not a unit; the message lists them.

    >>> unit_symbol("step")
    'st'
    """
    return _core.parse_unit(text("unit", unit))[0]
