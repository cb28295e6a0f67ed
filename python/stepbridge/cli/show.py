"""Prints what a command found: JSON for programs, tables for people, one sentence a problem.

Names in logs are strangers' text: a terminal must not obey it. So whatever is printed goes through `plain`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

# What is not a terminal (a pipe, a file) has no width: no cell is folded there.
WIDE = 10_000


def plain(text: str) -> str:
    """Give the text with escapes for what is not printable: control characters, halves of surrogates, line ends."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def say(text: str) -> None:
    """Print lines on stdout."""
    click.echo("\n".join(map(plain, text.split("\n"))))


def print_json(value: object) -> None:
    """Print a value as JSON; NaN and infinities have no place in it and become null before."""
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    if not (text.replace("\n", "").isprintable() and printable_here(text)):
        text = json.dumps(value, indent=2, allow_nan=False)
    click.echo(text)


def printable_here(text: str) -> bool:
    """Say whether stdout's encoding holds every character."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def print_table(head: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[int] = ()) -> None:
    """Print rows under a head; the columns numbered in `right` are numbers and stand to the right.

    Colours only on a terminal. None is printed as a dash.
    """
    from rich import box  # noqa: PLC0415 - rich costs more to import than the rest of a command to run
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, header_style="bold cyan", pad_edge=False, show_edge=False)
    numeric = set(right)
    for index, name in enumerate(head):
        table.add_column(name, justify="right" if index in numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("-" if cell is None else plain(str(cell))) for cell in row))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE
    click.echo(rendered(table, width=width), nl=False, color=True)


def rendered(what: RenderableType, *, stderr: bool = False, width: int = WIDE) -> str:
    """Give what rich makes of it for a stream: with colours if that is a terminal, NO_COLOR and FORCE_COLOR obeyed."""
    from rich.console import Console  # noqa: PLC0415 - see above

    # The height counts for nothing, but a terminal that knows no colours gets the width only where both are given.
    console = Console(stderr=stderr, width=width, height=25, highlight=False, emoji=False)
    with console.capture() as captured:
        console.print(what)
    return captured.get()


def counted(number: int, one: str) -> str:
    """Say how many there are of what has a regular plural."""
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


def failure(sentence: str) -> click.ClickException:
    """Make the error that ends the running command with exit code 1."""
    error = click.ClickException(sentence)
    error.ctx = click.get_current_context()  # type: ignore[attr-defined]  # as click itself does for wrong use
    return error


def complain(sentence: str, *, command: str | None = None) -> None:
    """Print one sentence on stderr, behind the command that it ends: in red on a terminal."""
    head = f"{command}: " if command else ""
    if head and (sys.stderr.isatty() or os.environ.get("FORCE_COLOR")):
        from rich.text import Text  # noqa: PLC0415 - see above

        head = rendered(Text(head, "bold red", end=""), stderr=True)
    click.echo(head + plain(sentence), err=True, color=True)
