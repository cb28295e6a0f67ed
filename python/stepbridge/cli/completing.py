"""What shells offer on TAB beside the names of options, files and choices: units, and a number's units."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from stepbridge.timeline import Unit, UnitLike

if TYPE_CHECKING:
    import click


def units(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Offer the units, short and long."""
    return [unit for unit in get_args(UnitLike) if unit.startswith(typed)]


def quantities(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Offer a typed number with each unit behind it."""
    number = typed.rstrip("abcdefghijklmnopqrstuvwxyz")
    if not number:
        return []
    return [f"{number}{unit}" for unit in get_args(Unit) if unit.startswith(typed[len(number) :])]
