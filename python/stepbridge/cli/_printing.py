"""Prints what a command found: JSON for programs, tables for people, one sentence for each problem.

Names in logs are strangers' text: a terminal must not obey it. So whatever is printed goes through `printable`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from typing import TYPE_CHECKING

import click

from stepbridge._text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

# What is not a terminal (a pipe, a file) has no width: no cell is folded there.
UNLIMITED = 10_000

#: Terminals, as TERM has them, that know no colours.
NO_COLOURS = ("dumb", "unknown")

#: A keyword argument in a sentence, as in "give unit="; not what a log says, as in "base=0".
ARGUMENT = re.compile(r"(?<![\w'\"])([a-z_]+)=(?![\w'\"=])")
#: The subject of an error of Python's, as in "batch_size must be at least 1".
SUBJECT = re.compile(r"\A([a-z_]+)(?= must )")
#: An argument in the middle, as in "only if the plan states tokens_per_sample"; elsewhere it may be a column's name.
STATED = re.compile(r"\b(states|needs|first) ([a-z]+(?:_[a-z]+)+)\b(?!=)")


def say(*lines: str) -> None:
    """Prints lines on stdout. A line end inside a line, as a name from a log may have it, is escaped."""
    click.echo("\n".join(map(printable, lines)))


def print_json(value: object) -> None:
    """Prints a value as JSON; NaN and infinities have no place in it and become null before."""
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    if not (text.replace("\n", "").isprintable() and encodable(text)):
        text = json.dumps(value, indent=2, allow_nan=False)
    click.echo(text)


def encodable(text: str) -> bool:
    """Returns whether stdout's encoding holds every character."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def print_table(head: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[int] = ()) -> None:
    """Prints rows under a head; the columns whose indices are in `right` are numbers, aligned to the right.

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
        table.add_row(*(Text("-" if cell is None else printable(str(cell))) for cell in row))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else UNLIMITED
    click.echo(rendered(table, width=width), nl=False, color=True)


def print_lines(lines: Iterable[tuple[str, bool]]) -> None:
    """Prints lines, each with whether it is a head, which a terminal shows in colour."""
    if not (sys.stdout.isatty() or os.environ.get("FORCE_COLOR")):
        # Colours take a third of the time of a list of 10,000 runs.
        click.echo("".join(f"{line}\n" for line, _ in lines))
        return
    from rich.text import Text  # noqa: PLC0415 - see above

    text = Text(end="", no_wrap=True)
    for line, is_head in lines:
        text.append(line + "\n", "bold cyan" if is_head else None)
    click.echo(rendered(text), nl=False, color=True)


def in_colour() -> bool:
    """Returns whether stdout gets colours: a terminal that knows them does, and NO_COLOR and FORCE_COLOR are obeyed."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (sys.stdout.isatty() and os.environ.get("TERM") not in NO_COLOURS)


def rendered(what: RenderableType, *, stderr: bool = False, width: int = UNLIMITED) -> str:
    """Returns what rich makes of it for a stream: colours on a terminal, NO_COLOR and FORCE_COLOR obeyed."""
    from rich.console import Console  # noqa: PLC0415 - see above

    # The height counts for nothing, but a terminal that knows no colours gets the width only where both are given.
    console = Console(stderr=stderr, width=width, height=25, highlight=False, emoji=False)
    with console.capture() as captured:
        console.print(what)
    return captured.get()


def in_flags(sentence: object) -> str:
    """Returns a sentence of the library with the running command's flags for keyword arguments: `unit=` as `--unit`."""
    context = click.get_current_context(silent=True)
    options = [] if context is None else [each for each in context.command.params if isinstance(each, click.Option)]
    flags = {option.name: max(option.opts, key=len) for option in options}
    text = str(sentence)
    for pattern in (SUBJECT, ARGUMENT):
        text = pattern.sub(lambda found: flags.get(found[1], found[0]), text)
    return STATED.sub(lambda found: f"{found[1]} {flags.get(found[2], found[2])}", text)


def failure(sentence: str) -> click.ClickException:
    """Makes the error that ends the running command with exit code 1."""
    error = click.ClickException(sentence)
    error.ctx = click.get_current_context()  # type: ignore[attr-defined]  # as click itself does for wrong use
    return error


def complain(sentence: str, *, command: str | None = None) -> None:
    """Prints one sentence on stderr, after the name of the command that it ends: in red on a terminal."""
    head = f"{command}: " if command else ""
    if head and (sys.stderr.isatty() or os.environ.get("FORCE_COLOR")):
        from rich.text import Text  # noqa: PLC0415 - see above

        head = rendered(Text(head, "bold red", end=""), stderr=True)
    click.echo(head + printable(sentence), err=True, color=True)
