"""A ledger as it is read back: its sessions, each with its timeline. All of it is put together in Rust."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from stepbridge import _core
from stepbridge._problem import Problem
from stepbridge.answers import Position
from stepbridge.timeline import Segment, Timeline

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "ASSUMED",
    "NAME",
    "Base",
    "Change",
    "Ledger",
    "LoggedAs",
    "Session",
    "Supersedes",
    "ledger_of",
    "read_ledger",
]

#: The file's name, where only its folder was given.
NAME = "stepclock.jsonl"

#: What is taken for granted of the step that loggers are given: `clock.step`, the number of updates done.
ASSUMED: tuple[str, Literal[0, 1]] = ("st", 1)

Base: TypeAlias = Literal[0, 1]


@dataclass(frozen=True, slots=True)
class LoggedAs:
    """How the loggers of a run are given their step."""

    unit: str
    """What it counts: "st", "ba", "sp" or "ep"."""
    base: Base
    """0 where the first one is 0, 1 where it is 1."""
    stated: bool
    """Whether somebody said so; else it is only assumed."""
    by: str
    """Who said it, or assumes it."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the plan in mid-run."""

    batch: int
    """After so many batches of the run: a count."""
    position: Position
    """The same as epochs complete and batches of the next one."""
    step: int
    """Steps attempted before it: a count."""
    planned: tuple[Segment, ...]
    """What was planned from there on."""


@dataclass(frozen=True, slots=True)
class Supersedes:
    """What a session that began from an older checkpoint takes the place of; it stays on record."""

    session: int
    """The session before it."""
    batch: int
    """From after so many batches on, counted from the beginning of the run."""
    step: int
    """The same in steps."""


@dataclass(frozen=True, slots=True)
class Session:
    """What one process did, as far as it is on record. All counts are from the beginning of the run."""

    number: int
    """From 0."""
    time: float
    """When it began: seconds since 1970."""
    name: str
    """The clock's name."""
    library: str
    """The version of stepbridge that wrote it."""
    start_batch: int
    """Batches done when it began."""
    start_step: int
    """Steps done when it began."""
    batch: int
    """Batches done at the furthest position on record."""
    epochs: int
    """Epochs complete there."""
    step: int
    """Steps attempted there."""
    sample: int | None
    """Samples taken there; None where a batch's size is not known."""
    applied: int | None
    """Steps that really happened; None where it is not on record."""
    token: int
    """Tokens counted."""
    padding: int
    """Copies that a distributed sampler added."""
    timeline: Timeline
    """What was observed, then what was planned. Where lines are lost, it ends with an epoch of unknown length."""
    damaged: bool
    """Whether lines of it are lost."""
    changes: tuple[Change, ...]
    """Changes of the plan, in order."""
    skipped: tuple[tuple[int, int], ...]
    """Steps that were not applied: the number of the first one, from 1, and how many."""
    supersedes: Supersedes | None
    """What it takes the place of."""
    logged_as: LoggedAs
    """How its loggers are given their step; where the ledger does not say it, that is assumed."""
    stopped: bool
    """Whether its loop was left; else its process was stopped, or still runs."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """A ledger as it was read; `read_ledger` makes one."""

    path: Path
    """The file."""
    sessions: tuple[Session, ...]
    """At least one, in the order of their beginning."""
    problems: tuple[Problem, ...]
    """Lines that could not be read, or do not fit; a torn last one among them ("truncated")."""

    @property
    def timeline(self) -> Timeline:
        """The last session's: what was observed over the whole run, then what is planned."""
        return self.sessions[-1].timeline

    @property
    def logged_as(self) -> LoggedAs:
        """How the last session's loggers are given their step."""
        return self.sessions[-1].logged_as

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes of all sessions."""
        return tuple(change for session in self.sessions for change in session.changes)

    @property
    def skipped(self) -> tuple[tuple[int, int], ...]:
        """The steps of all sessions that were not applied, superseded ones included."""
        return tuple(skipped for session in self.sessions for skipped in session.skipped)


def read_ledger(path: str | os.PathLike[str]) -> Ledger:
    """Reads a ledger: a file, or the `stepclock.jsonl` in a folder.

    A line that is damaged is a problem of the answer; what the others say stands.

    Raises:
        FileNotFoundError: there is none.
        PermissionError, OSError: it may not, or cannot be read.
        ValueError: it is no ledger, a newer stepbridge wrote it, or no session of it can be read.

    >>> import tempfile
    >>> from stepbridge import StepClock
    >>> folder = tempfile.mkdtemp()
    >>> clock = StepClock(batches=5, epochs=3, ledger=folder)
    >>> for epoch in clock.epochs():
    ...     for batch in clock.batches(range(5)):
    ...         pass
    >>> ledger = read_ledger(folder)
    >>> ledger.timeline == clock.timeline
    True
    >>> ledger.logged_as.unit, ledger.logged_as.base, ledger.logged_as.stated
    ('st', 1, False)
    """
    path = os.fspath(path)
    rows, problems, _ = _core.read_ledger(path)
    file = os.path.join(path, NAME) if os.path.isdir(path) else path  # noqa: PTH112, PTH118 - see ledger_of
    if not rows:
        why = f": {Problem(*problems[0]).reason}" if problems else ": it is empty"
        raise ValueError(f"no session can be read from the ledger '{file}'{why}")
    return ledger_of(file, rows, problems)


def ledger_of(path: str, rows: list[_core.LedgerSession], problems: list[_core.ProblemRow]) -> Ledger:
    """Makes a ledger of what the core read."""
    from pathlib import Path  # noqa: PLC0415 - numpy does without it, and it is a seventh of our own import

    return Ledger(Path(path), tuple(_session(row) for row in rows), tuple(Problem(*row) for row in problems))


def _session(row: _core.LedgerSession) -> Session:
    start, end, superseded = row["start"], row["end"], row["supersedes"]
    logged = row["logged_as"] or (*ASSUMED, False, "the ledger does not say it")
    changes = (
        Change(batch, Position(epoch, iteration), step, tuple(Segment(**fields) for fields in planned))
        for batch, epoch, iteration, step, planned in row["changes"]
    )
    return Session(
        number=row["number"],
        time=row["time"],
        name=row["name"],
        library=row["library"],
        start_batch=start[0],
        start_step=start[2],
        batch=end[0],
        epochs=end[1],
        step=end[2],
        sample=end[3],
        applied=row["applied"],
        token=row["token"],
        padding=row["padding"],
        timeline=Timeline._of(row["timeline"]),
        damaged=row["damaged"],
        changes=tuple(changes),
        skipped=tuple(row["skipped"]),
        supersedes=None if superseded is None else Supersedes(superseded[0], superseded[1][0], superseded[1][2]),
        logged_as=LoggedAs(*logged),
        stopped=row["stopped"],
    )
