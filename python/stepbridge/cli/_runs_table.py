"""Lays out the runs of logs for people: a head line for each folder, a row for each run, no wider than the terminal."""

from __future__ import annotations

import posixpath
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from stepbridge._text import printable, shortened, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stepbridge.logs import Logs, StepInfo

__all__ = ["table_lines", "wrapped"]

HEAD = ("run", "records", "tags", "steps", "epochs", "sessions")
#: The columns that hold one number, aligned to the right.
RIGHT = frozenset({"records", "tags"})
#: The columns that are left out if all runs have this in them.
USUAL = {"sessions": "1"}
INDENT = "  "
GAP = "  "
#: A name is not shortened below this many characters.
LEAST = 16
#: How long a cell may be, in turn, until there is room for names of that length.
LONGEST_CELLS = (22, 16, 12, 9, 7)

NOUNS = {"sp": "sample", "tok": "token", "ba": "batch", "st": "update", "ep": "epoch", "dur": "fraction of the run"}
SOURCES = {
    "caller": "as you say",
    "format": "declared by the format",
    "ledger": "recorded in the ledger",
    "epochs": "inferred from its epochs",
    "ledger_assumed": "assumed, as the ledger does not say it",
    "nothing": "assumed",
    "undecided": "two meanings fit",
}


class _Row(NamedTuple):
    """A run, and what it holds."""

    run: str
    what: str
    """Its formats, and what its steps are."""
    cells: tuple[str, ...]
    """A cell for each column of `HEAD` but the first."""


def table_lines(logs: Logs, width: int) -> Iterator[tuple[str, bool]]:
    """Gives each line of the table, and whether it is a head."""
    whole = list(_rows(logs))
    shown = [index for index, name in enumerate(HEAD[1:]) if any(row.cells[index] != USUAL.get(name) for row in whole)]
    head = [HEAD[0], *(HEAD[1 + index] for index in shown)]
    rows: list[_Row] = []
    widths: list[int] = []
    room = 0
    for longest in LONGEST_CELLS:
        rows = [
            row._replace(cells=tuple(shortened(printable(row.cells[index]), longest) for index in shown))
            for row in whole
        ]
        widths = [max(map(len, column)) for column in zip(head[1:], *(row.cells for row in rows), strict=True)]
        room = width - len(INDENT) - sum(widths) - len(GAP) * len(widths)
        if room >= LEAST:
            break
    room = max(room, LEAST // 2)
    groups = _groups(rows, room)
    names = [printable(_below(row.run, folder)) for (folder, _), group in groups.items() for row in group]
    widths = [min(max(map(len, (*names, head[0]))), room), *widths]
    yield _line(head, head, widths), True
    for (folder, what), group in groups.items():
        for line in wrapped(f"{folder}/ ({what})" if folder else what, width, later=INDENT * 2):
            yield line, True
        for row in group:
            name = shortened(printable(_below(row.run, folder)), widths[0])
            yield _line([name, *row.cells], head, widths), False


def _line(cells: Sequence[str], head: Sequence[str], widths: Sequence[int]) -> str:
    aligned = [
        cell.rjust(width) if name in RIGHT else cell.ljust(width)
        for cell, name, width in zip(cells, head, widths, strict=True)
    ]
    return INDENT + GAP.join(aligned).rstrip()


def _groups(rows: Sequence[_Row], longest: int) -> dict[tuple[str, str], list[_Row]]:
    """Returns the runs by folder, and in a folder by what their steps are."""
    groups: dict[tuple[str, str], list[_Row]] = {}
    for row in rows:
        groups.setdefault((posixpath.dirname(row.run), row.what), []).append(row)
    # A head for a single run takes a line, so that run is listed under the folder above if its name fits there.
    for folder, what in sorted(groups, key=lambda key: key[0].count("/"), reverse=True):
        below = folder
        while below and len(groups[below, what]) == 1:
            above = posixpath.dirname(below)
            if len(_below(groups[below, what][0].run, above)) > longest:
                break
            groups.setdefault((above, what), []).extend(groups.pop((below, what)))
            below = above
    return {key: sorted(groups[key]) for key in sorted(groups)}


def _below(run: str, folder: str) -> str:
    return run[len(folder) + 1 :] if folder else run


def _rows(logs: Logs) -> Iterator[_Row]:
    formats: dict[str, list[str]] = {run: [] for run in logs.runs}
    for file in logs.files:
        name = file.format if file.shape is None else f"{file.format}, {file.shape}"
        formats.setdefault(file.run, []).append(name)
    with_steps = {run.run: run.steps is not None for run in logs.overview}
    steps: dict[str, dict[str, list[str]]] = {}
    for step in logs.steps:
        has_steps = with_steps.get(step.run, False)
        steps.setdefault(step.run, {}).setdefault(step.format, []).append(step_text(step, has_steps=has_steps))
    sessions = {found.run: found for found in logs.sessions}
    for run in logs.overview:
        names = list(dict.fromkeys(formats[run.run]))
        texts = steps.get(run.run, {})
        parts = [_what(name, texts.get(name.partition(",")[0], [])) for name in names]
        found = sessions.get(run.run)
        times = "1" if found is None else f"{found.sessions}"
        if found is not None and found.superseded:
            times = f"{found.sessions} ({found.superseded:,} redone)"
        low_and_high = run.epochs and (f"{run.epochs[0]:.4g}", f"{run.epochs[1]:.4g}")
        first_and_last = run.steps and (f"{run.steps[0]:,}", f"{run.steps[1]:,}")
        spans = (span(first_and_last) or "-", span(low_and_high) or "-")
        yield _Row(run.run, " | ".join(parts), (f"{run.records:,}", f"{run.tags}", *spans, times))


def _what(format_: str, texts: Sequence[str]) -> str:
    """Returns what a format's steps are: "csv: a step is the n-th update (assumed)"."""
    return f"{format_}: {'; '.join(dict.fromkeys(texts))}" if texts else format_


def step_text(step: StepInfo, *, has_steps: bool = True) -> str:
    """Returns what a step is in words: "a step is the n-th update (declared by the format)"."""
    if not has_steps and step.unit == "ep" and step.source == "format" and step.epochs == "elapsed":
        return step.reason
    if not has_steps and step.unit == "ep":
        return f"epochs from {step.base} ({SOURCES[step.source]})"
    whose = "a step" if step.series is None else f"that of {step.series}"
    if step.unit is None and not has_steps:
        return f"epochs: {step.reason}" if step.series is None else f"{whose}: {step.reason}"
    if step.unit is None:
        return f"{whose} is not known ({SOURCES[step.source]})"
    noun = NOUNS[step.unit]
    where = " in its epoch" if step.within == "epoch" else ""
    what = f"n-th {noun}{where}" if step.base else f"index of the {noun}{where}"
    if step.within == "epoch" and step.epochs is None:
        return f"{whose} is the {what} ({step.reason})"
    return f"{whose} is the {what} ({SOURCES[step.source]})"


def wrapped(text: str, width: int, later: str = INDENT) -> list[str]:
    """Returns the lines that a text takes. Words that do not fit, such as the paths of files, lose their middle."""
    indent = " " * (len(text) - len(text.lstrip(" ")))
    words = [shortened(word, width - len(indent + later)) for word in printable(text).split()]
    return textwrap.wrap(
        " ".join(words),
        width,
        initial_indent=indent,
        subsequent_indent=indent + later,
        break_long_words=False,
        break_on_hyphens=False,
    )
