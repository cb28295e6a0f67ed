"""The ledger: the clock's own record of a run on disk, `stepclock.jsonl`. Its lines are made and read in Rust.

One line is appended where a session begins, an epoch ends, the plan changes or the loop is left, and none for a batch.
Training never dies of it: where the ledger cannot be written, one `StepbridgeWarning` says so, and the writer is off.

Only rank 0 writes: the rank is that of `torch.distributed` where it is imported and initialised, else that of the
environment variable RANK (which torchrun and its like set), else 0. It is asked when the first session begins. Whatever
the ranks are, two processes never write at once: the file is locked.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from stepbridge import _core
from stepbridge.answers import Position
from stepbridge.appending import Appending, InUseError, VanishedError
from stepbridge.errors import StepbridgeWarning
from stepbridge.problems import Problem
from stepbridge.timeline import Segment, Timeline
from stepbridge.units import UnitLike, whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepbridge.clock import StepClock

__all__ = ["NAME", "Change", "Ledger", "LedgerWriter", "LoggedAs", "Session", "Supersedes", "read_ledger"]

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
    path = Path(path)
    rows, problems, _ = _core.read_ledger(path)
    file = path / NAME if path.is_dir() else path
    if not rows:
        why = f": {Problem(*problems[0]).reason}" if problems else ": it is empty"
        raise ValueError(f"no session can be read from the ledger '{file}'{why}")
    return ledger_of(file, rows, problems)


def ledger_of(path: Path, rows: list[_core.LedgerSession], problems: list[_core.ProblemRow]) -> Ledger:
    """Makes a ledger of what the core read."""
    return Ledger(path, tuple(_session(row) for row in rows), tuple(Problem(*row) for row in problems))


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


def rank() -> int:
    """Returns the rank of this process among those that train together; 0 where it is alone. Imports nothing."""
    distributed: Any = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    try:
        return int(os.environ.get("RANK", "0"))
    except ValueError:
        return 0


class LedgerWriter:
    """Writes a clock's ledger. `StepClock(ledger=...)` makes one and calls it; nobody else needs to.

    Args:
        where: a folder, where the file is called `stepclock.jsonl`, or a file whose name ends in .jsonl.
        logged_as: unit and base of the step that loggers are given, where somebody says it.

    Raises:
        ValueError: an unknown unit, one that no logger is given, or a base that is not 0 or 1.
    """

    def __init__(self, where: str | os.PathLike[str], logged_as: tuple[UnitLike, Base] | None = None) -> None:
        path = Path(where)
        self.path = path if path.suffix == ".jsonl" and not path.is_dir() else path / NAME
        self._off = False
        self._file: Appending | None = None
        #: The session's number; None before its first line.
        self._session: int | None = None
        #: The clock's batches and epochs at the last line, the file's size then, and whether the loop was left with it.
        self._at = (0, 0)
        self._size = 0
        self._stopped = False
        #: What was stated of the step that loggers are given, and how much of it the session holds.
        self._stated: list[LoggedAs] = []
        self._told = 0
        if logged_as is not None:
            unit, base = logged_as
            self._stated.append(_logged_as(unit, base, stated=True, by="StepClock(logged_as=...)"))

    def open_session(self, clock: StepClock) -> None:
        """Begins a session where the clock begins to train, or goes on from elsewhere than it stood; else does nothing.

        Warns:
            StepbridgeWarning: the ledger cannot be written.
        """
        if self._off or not self._is_ours():
            return
        running = clock._in_epoch and not clock._resumed_inside
        if self._goes_on() and (running or self._at == _at(clock)):
            return
        self._guarded(clock, lambda: self._begin(clock))

    def epoch(self, clock: StepClock, *, cut: bool, skipped: Sequence[Sequence[int]] = ()) -> None:
        """Takes down the epoch that has just ended.

        Args:
            clock: it stands behind the epoch.
            cut: whether the loop left it before the loader ended.
            skipped: runs of its steps that were not applied: the first one's number, from 1, and how many.

        Warns:
            StepbridgeWarning: the ledger cannot be written.
        """
        runs = [(first, count) for first, count in skipped]
        self._append(
            clock,
            lambda session: _core.ledger_epoch(
                session,
                time.time(),
                at=_counts(clock),
                beside=_beside(clock),
                cut=cut,
                segments=clock._observed_epoch(),
                skipped=runs,
            ),
        )

    def change(self, clock: StepClock) -> None:
        """Takes down what is planned from the position at hand on.

        Warns:
            StepbridgeWarning: the ledger cannot be written.
        """
        epoch, iteration = clock._position
        self._append(
            clock,
            lambda session: _core.ledger_change(
                session,
                time.time(),
                batch=clock.batch,
                epoch=epoch,
                iter=iteration,
                step=clock.step,
                segments=clock._planned(),
            ),
        )

    def logged_as(self, unit: UnitLike, base: Base, *, stated: bool, by: str) -> None:
        """Takes down how a logger is given the step; before the first session it is kept for it.

        Warns:
            StepbridgeWarning: the ledger cannot be written.

        Raises:
            ValueError: an unknown unit, one that no logger is given, or a base that is not 0 or 1.
        """
        logged = _logged_as(unit, base, stated=stated, by=by)
        if not stated or any((known.unit, known.base) == (logged.unit, logged.base) for known in self._stated):
            return
        self._stated.append(logged)
        if not self._off and self._session is not None and self._file is not None and self._file.ours:
            self._guarded(None, self._tell)

    def stop(self, clock: StepClock) -> None:
        """Takes down where the loop was left, and lets go of the file; a loop that goes on takes it up again.

        Warns:
            StepbridgeWarning: the ledger cannot be written.
        """
        if self._stopped:
            return
        self._append(
            clock,
            lambda session: _core.ledger_stop(
                session, time.time(), at=_counts(clock), beside=_beside(clock), segments=clock._running()
            ),
        )
        if self._file is not None and self._file.ours:
            self._stopped = True
            self._file.close()
            self._file = None

    def forget(self) -> None:
        """Has the next loop begin a session of its own: the clock was set to another state."""
        self._session = None

    def _is_ours(self) -> bool:
        """Whether this process writes: not a worker that was forked from it."""
        return self._file is None or self._file.ours

    def _goes_on(self) -> bool:
        return self._session is not None

    def _guarded(self, clock: StepClock | None, act: Any) -> None:  # noqa: ANN401 - a callable of no arguments
        """Does what may fail, and says once where it does."""
        try:
            act()
        except InUseError:
            self._give_up(clock, "another clock or process is writing it", "give each run a ledger of its own")
        except VanishedError as error:
            self._give_up(clock, f"{error.strerror} while the clock ran", "leave it in its place while a run goes on")
        except OSError as error:
            reason = error.strerror or str(error)
            self._give_up(clock, f"the system says: {reason}", "make room, or give ledger= a folder that can be written")
        except (ValueError, OverflowError) as error:
            self._give_up(clock, str(error), "give ledger= another folder")

    def _give_up(self, clock: StepClock | None, why: str, advice: str) -> None:
        self._off = True
        file, self._file = self._file, None
        if file is not None:
            file.close()
        name = "clock" if clock is None else clock.name
        warnings.warn(
            f"{name}: the ledger '{self.path}' is not written from here on: {why}. Training goes on without it; what "
            f"stands in it is kept. To have one: {advice}",
            StepbridgeWarning,
            stacklevel=5,
        )

    def _begin(self, clock: StepClock) -> None:
        if self._session is None and self._file is None and rank() != 0:
            self._off = True
            return
        file = self._file = self._file or Appending(self.path)
        if self._stopped and self._session is not None and self._at == _at(clock) and file.size == self._size:
            # The same loop goes on, and nobody wrote meanwhile.
            self._stopped = False
            self._tell()
            return
        number, supersedes, torn = self._stand(clock)
        line = _core.ledger_session(
            number,
            time.time(),
            name=clock.name,
            at=_counts(clock),
            beside=_beside(clock),
            timeline=clock._timeline(),
            supersedes=supersedes,
        )
        # What an earlier process left unfinished stays as it is; the first line of this one is a line of its own.
        file.append(b"\n" * torn + line.encode())
        self._session, self._stopped = number, False
        self._at, self._size, self._told = _at(clock), file.size, 0
        if not self._stated:
            assumed = LoggedAs(*ASSUMED, stated=False, by="StepClock, where logged_as= says nothing")
            file.append(_logged_line(number, assumed).encode())
            self._size = file.size
        self._tell()

    def _tell(self) -> None:
        """Writes what was stated and is not in the session yet."""
        file = self._file
        if file is None or self._session is None:
            return
        for logged in self._stated[self._told :]:
            file.append(_logged_line(self._session, logged).encode())
            self._told += 1
            self._size = file.size

    def _stand(self, clock: StepClock) -> tuple[int, int | None, bool]:
        """The new session's number, the one that it supersedes, and whether the file ends inside a line."""
        if self._file is None or self._file.size == 0:
            return 0, None, False
        sessions, _, torn = _core.read_ledger(self.path)
        if not sessions:
            return 0, None, torn
        last = sessions[-1]
        batch, epochs, _, _ = last["end"]
        rewound = _at(clock) < (batch, epochs)
        return max(session["number"] for session in sessions) + 1, last["number"] if rewound else None, torn

    def _append(self, clock: StepClock, line: Any) -> None:  # noqa: ANN401 - a callable from the session's number
        """Writes a line of the session, if there is one."""
        if self._off or self._session is None or not self._is_ours():
            return

        def write() -> None:
            if self._stopped:
                self._begin(clock)
            session, file = self._session, self._file
            if session is None or file is None:
                return
            file.append(line(session).encode())
            self._at, self._size = _at(clock), file.size

        self._guarded(clock, write)

    def __getstate__(self) -> dict[str, Any]:
        # A copy in another process has no file, and begins a session where it trains; the lock keeps it from doing so
        # beside this one.
        return {**self.__dict__, "_file": None, "_session": None, "_stopped": False}


def _at(clock: StepClock) -> tuple[int, int]:
    return clock.batch, clock._position[0]


def _counts(clock: StepClock) -> tuple[int, int, int, int | None]:
    return clock.batch, clock._position[0], clock.step, clock.sample


def _beside(clock: StepClock) -> tuple[int, int, int]:
    return clock.applied, clock.token, clock.padding


def _logged_as(unit: UnitLike, base: Base, *, stated: bool, by: str) -> LoggedAs:
    symbol = _core.parse_unit(unit)[0]
    if symbol not in ("st", "ba", "sp", "ep"):
        raise ValueError(f'logged_as: loggers are given a "step", "batch", "sample" or "epoch", not {unit!r}')
    if whole_number("base", base) not in (0, 1):
        raise ValueError(f"logged_as: base must be 0 or 1, not {base}")
    return LoggedAs(symbol, base, stated, by)


def _logged_line(session: int, logged: LoggedAs) -> str:
    return _core.ledger_logged_as(
        session, time.time(), unit=logged.unit, base=logged.base, stated=logged.stated, by=logged.by
    )
