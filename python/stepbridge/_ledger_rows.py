"""Reads a ledger as the core gives it: what both a timeline and the ledger's own types are made of."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from stepbridge import _core
from stepbridge._errors import TimelineError

if TYPE_CHECKING:
    from stepbridge._core import LedgerSessionRow, ProblemRow

__all__ = ["LEDGER_NAME", "LedgerRows", "read_rows"]

#: The name of a ledger's file, where only its folder is given.
LEDGER_NAME = "stepclock.jsonl"


class LedgerRows(NamedTuple):
    """A ledger with at least one session."""

    file: str
    sessions: list[LedgerSessionRow]
    problems: list[ProblemRow]


def read_rows(path: str | os.PathLike[str]) -> LedgerRows:
    """Reads the ledger in a file, or in a folder.

    Raises:
        FileNotFoundError: there is none.
        PermissionError, OSError: the system does not let it be read.
        TimelineError: it is not a ledger, a newer stepbridge wrote it, or no session of it can be read.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a str or a path, not {type(path).__name__} ({path!r})")
    path = os.fspath(path)
    try:
        sessions, problems, _ = _core.read_ledger(path)
    except ValueError as error:
        raise TimelineError(str(error)) from None
    # numpy does without pathlib, which would be a seventh of what importing stepbridge costs.
    file = os.path.join(path, LEDGER_NAME) if os.path.isdir(path) else path  # noqa: PTH112, PTH118
    if not sessions:
        reason = problems[0][4] if problems else "it is empty"
        raise TimelineError(f"no session can be read from the ledger '{file}': {reason}")
    return LedgerRows(file, sessions, problems)
