"""A ledger as you read it back: its sessions, each with its timeline. The core reads the lines and joins them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from stepbridge._ledger_rows import read_rows
from stepbridge._problem import Problem
from stepbridge.timeline import Position, Segment, Timeline

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from stepbridge._core import LedgerSessionRow, ProblemRow

__all__ = [
    "ASSUMED_STEP",
    "Base",
    "EpochEntry",
    "Ledger",
    "LedgerSession",
    "LoggedStep",
    "PlanChange",
    "SeriesStep",
    "Supersession",
    "ledger_from_rows",
    "read_ledger",
]

#: What the step of a logger is without a word about it: `clock.step`, the number of updates done.
ASSUMED_STEP: tuple[str, Literal[0, 1]] = ("st", 1)

Base: TypeAlias = Literal[0, 1]


class LoggedStep(NamedTuple):
    """What the loggers of a run are given as their step."""

    unit: str
    """What it counts: "st", "ba", "sp", "tok" or "ep"."""
    base: Base
    """0 if the first one is 0, 1 if it is 1."""
    stated: bool
    """Whether a writer or the author of the loop stated it; else it is assumed."""
    by: str
    """Who stated it, or assumes it."""


class PlanChange(NamedTuple):
    """A change of the plan while the run went on."""

    batch: int
    """Batches of the run that were done: a count."""
    position: Position
    """The same point as epochs complete and batches of the next one."""
    step: int
    """Steps attempted before it: a count."""
    planned: tuple[Segment, ...]
    """What was planned from there on."""


class Supersession(NamedTuple):
    """From where on a session that began at an older checkpoint replaces the one before it, which stays on record."""

    session: int
    """The number of the session that is replaced."""
    batch: int
    """Batches done where the new one begins, counted from the beginning of the run."""
    step: int
    """Steps done there."""


class EpochEntry(NamedTuple):
    """A loop entered an epoch at another point of its data than the one that it had reached."""

    batch: int
    """Batches of the run that were done: a count."""
    epoch: int
    """The epoch, an index from 0."""
    unit: Literal["sp", "ba"]
    """What the amounts count: samples, or batches where those are not known."""
    at: int
    """How much of the epoch's data is done where it is entered."""
    repeated: int
    """How much is trained again if the loop goes on to the end; `StepClock.repeated` has what came."""
    left_out: int
    """How much is never trained, if the loop does not go back to it."""


class SeriesStep(NamedTuple):
    """A tag that was logged by another step than the one that loggers are given."""

    tag: str
    """The tag."""
    unit: str | None
    """What its step counts, as far as the writer saw; None: nothing that the clock counts."""
    base: Base
    """0 if the first one is 0, 1 if it is 1."""
    by: str
    """The writer that saw it."""


class LedgerSession(NamedTuple):
    """What one process did, as far as it is on record. All counts are from the beginning of the run."""

    number: int
    """Its number in the ledger, from 0."""
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
    """Updates that really happened; None where the ledger does not say it."""
    token: int
    """Tokens counted."""
    padding: int
    """Copies that a distributed sampler added."""
    timeline: Timeline
    """What was observed, then what was planned. Where lines are lost, it ends with an epoch of unknown length."""
    damaged: bool
    """Whether lines of it are lost."""
    changes: tuple[PlanChange, ...]
    """Changes of the plan, in order."""
    skipped: tuple[tuple[int, int], ...]
    """Steps that were not applied: the number of the first one, from 1, and how many."""
    supersedes: Supersession | None
    """The session that it replaces, and from where on."""
    logged_as: LoggedStep
    """What its loggers are given as their step."""
    entries: tuple[EpochEntry, ...]
    """Epochs that the loop entered at another point than the one reached, in order."""
    series: tuple[SeriesStep, ...]
    """Tags that were logged by a step of their own, each once."""
    stopped: bool
    """Whether its loop was left; else its process was stopped, or still runs."""


class Ledger(NamedTuple):
    """A ledger as it was read; `read_ledger` makes one."""

    path: Path
    """The file."""
    sessions: tuple[LedgerSession, ...]
    """At least one, in the order in which they began."""
    problems: tuple[Problem, ...]
    """Lines that could not be read, or that contradict others; an incomplete last line is "truncated"."""

    @property
    def timeline(self) -> Timeline:
        """The timeline of the last session: what was observed over the whole run, then what is planned."""
        return self.sessions[-1].timeline

    @property
    def logged_as(self) -> LoggedStep:
        """What the loggers of the last session are given as their step."""
        return self.sessions[-1].logged_as

    @property
    def changes(self) -> tuple[PlanChange, ...]:
        """The changes of all sessions."""
        return tuple(change for session in self.sessions for change in session.changes)

    @property
    def skipped(self) -> tuple[tuple[int, int], ...]:
        """The steps of all sessions that were not applied, superseded ones included."""
        return tuple(skipped for session in self.sessions for skipped in session.skipped)


def read_ledger(path: str | os.PathLike[str]) -> Ledger:
    """Reads a ledger: a file, or the `stepclock.jsonl` in a folder.

    A damaged line becomes one of `problems`; the other lines are read.

    Raises:
        FileNotFoundError: there is none.
        PermissionError, OSError: the system does not let it be read.
        TimelineError: it is not a ledger, a newer stepbridge wrote it, or no session of it can be read.

    >>> import tempfile
    >>> from stepbridge import StepClock
    >>> folder = tempfile.mkdtemp()
    >>> clock = StepClock(batches_per_epoch=5, epochs=3, ledger=folder)
    >>> for epoch in clock.epochs():
    ...     for batch in clock.batches(range(5)):
    ...         pass
    >>> ledger = read_ledger(folder)
    >>> ledger.timeline == clock.timeline
    True
    >>> ledger.logged_as.unit, ledger.logged_as.base, ledger.logged_as.stated
    ('st', 1, False)
    """
    return ledger_from_rows(*read_rows(path))


def ledger_from_rows(path: str, rows: list[LedgerSessionRow], problems: list[ProblemRow]) -> Ledger:
    """Makes a ledger of what the core read."""
    from pathlib import Path  # noqa: PLC0415 - numpy does without it; it is a seventh of our own import time

    return Ledger(Path(path), tuple(_session(row) for row in rows), tuple(Problem(*row) for row in problems))


def _session(row: LedgerSessionRow) -> LedgerSession:
    start, end, superseded = row["start"], row["end"], row["supersedes"]
    logged = row["logged_as"] or (*ASSUMED_STEP, False, "the ledger does not say it")
    changes = (
        PlanChange(batch, Position(epoch, iteration), step, tuple(Segment(**fields) for fields in planned))
        for batch, epoch, iteration, step, planned in row["changes"]
    )
    return LedgerSession(
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
        supersedes=None if superseded is None else Supersession(superseded[0], superseded[1][0], superseded[1][2]),
        logged_as=LoggedStep(*logged),
        entries=tuple(EpochEntry(*entry) for entry in row["entries"]),
        series=tuple(SeriesStep(*series) for series in row["series"]),
        stopped=row["stopped"],
    )
