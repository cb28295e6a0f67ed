"""What a reader could not read, or found contradicted: one type for logs and ledgers."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Problem"]


class Problem(NamedTuple):
    """A part of a file that could not be read, or that contradicts the rest."""

    file: str
    """The file, relative to the path that was read."""
    offset: int | None
    """Where the part begins, in bytes; None if it is the whole file."""
    record: int | None
    """Which record of the file it is, from 0: the frame of an event file, the row, the entry, the line."""
    kind: str
    """The kind of problem: "truncated", "corrupt", "unreadable", "empty", "missing_column", "refuted", ..."""
    reason: str
    """One clause: what was found, and what was done about it."""
    length: int | None
    """How many bytes the part has; None if it is the whole file."""
