"""What shells offer on TAB besides the names of options, files and choices: units, and quantities."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

if TYPE_CHECKING:
    import click


def units(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Offers the units, short and long."""
    from stepbridge.timeline import UnitLike  # noqa: PLC0415 - see _command.py

    return [unit for unit in get_args(UnitLike) if unit.startswith(typed)]


def quantities(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Offers a typed number with each unit after it."""
    from stepbridge.timeline import Unit  # noqa: PLC0415 - see _command.py

    number = typed.rstrip("abcdefghijklmnopqrstuvwxyz")
    if not number:
        return []
    return [f"{number}{unit}" for unit in get_args(Unit) if unit.startswith(typed[len(number) :])]
