"""Prints what a command found: JSON for programs, tables for people, one sentence a problem."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# What is not a terminal (a pipe, a file) has no width: no cell is folded there.
WIDE = 10_000


def print_json(value: object) -> None:
    """Print a value as JSON; NaN and infinities have no place in it and become null before."""
    click.echo(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False))


def print_table(head: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[int] = ()) -> None:
    """Print rows under a head; the columns numbered in `right` are numbers and stand to the right.

    Colours only on a terminal. None is printed as a dash.
    """
    from rich import box  # noqa: PLC0415 - rich costs more to import than the rest of a command to run
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    numeric = set(right)
    for index, name in enumerate(head):
        table.add_column(name, justify="right" if index in numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("-" if cell is None else str(cell)) for cell in row))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE
    console = Console(width=width, highlight=False, emoji=False)
    console.print(table)


def counted(number: int, one: str) -> str:
    """Say how many there are of what has a regular plural."""
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


def failure(sentence: str) -> click.ClickException:
    """Make the error that ends the running command with exit code 1."""
    error = click.ClickException(sentence)
    error.ctx = click.get_current_context()  # type: ignore[attr-defined]  # as click itself does for wrong use
    return error


def complain(sentence: str) -> None:
    """Print one sentence on stderr."""
    click.echo(sentence, err=True)
