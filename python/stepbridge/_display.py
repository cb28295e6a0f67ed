"""Rows as text for a prompt, and as HTML for a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepbridge._text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["MOST_ROWS", "as_html", "as_text", "named"]

#: How many rows are shown at most, and how many columns are named.
MOST_ROWS, MOST_NAMES = 10, 12
#: How wide a cell and a line of text may be, in characters.
CELL, LINE = 20, 100
#: The columns to leave out first where a line is too wide.
DISPENSABLE = ("source", "wall_time", "epoch_logged")


def as_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Returns the rows as lines under a head, without the columns that do not fit the line ("…")."""
    lines = [columns, *([_cell(value) for value in row] for row in rows)]
    shown = [[_shortened(line[index]) for line in lines] for index in range(len(columns))]
    widths = [max(map(len, column)) for column in shown]
    kept = list(range(len(columns)))
    dispensable = [columns.index(name) for name in DISPENSABLE if name in columns]
    while len(kept) > 1 and sum(widths[index] + 2 for index in kept) > LINE:
        kept.remove(dispensable.pop(0) if dispensable else kept[-1])
    head, *body = (
        "  ".join(shown[index][line].ljust(widths[index]) for index in kept).rstrip() for line in range(len(lines))
    )
    return [f"{head}  …" if len(kept) < len(columns) else head, *body]


def as_html(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]], more: str = "") -> str:
    """Returns the rows as an HTML table; `more` is a line below them."""
    head = "".join(f"<th>{_escaped(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{_escaped(_cell(value))}</td>" for value in row) + "</tr>" for row in rows)
    foot = f"<p>{_escaped(more)}</p>" if more else ""
    return (
        f"<table><caption>{_escaped(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{foot}"
    )


def named(columns: Sequence[str]) -> str:
    """Returns the names of the columns, of a wide table those of the first ones."""
    more = len(columns) - MOST_NAMES
    return ", ".join(map(printable, columns[:MOST_NAMES])) + (f", … {more:,} more" if more > 0 else "")


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return printable(f"{value:.6g}" if isinstance(value, float) else str(value))


def _escaped(text: str) -> str:
    from html import escape  # noqa: PLC0415 - its table of entities would be a tenth of our own import

    return escape(printable(text))


def _shortened(text: str) -> str:
    """Leaves out the middle of a text that is too wide: both ends of a path or a tag say something."""
    text = printable(text)
    if len(text) <= CELL:
        return text
    begin = CELL // 2 - 1
    return f"{text[:begin]}…{text[begin + 1 - CELL :]}"
