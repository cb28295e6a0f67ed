"""The ledger: the clock's own record of a run on disk, `stepclock.jsonl`. Its lines are made and read in Rust.

The writer appends one line where a session begins, an epoch ends, the plan changes or the loop is left, and none for a
batch. If the loop counts tokens, there is at most one line a minute for them. It never ends training: if the ledger
cannot be written, one `StepbridgeWarning` says so, and the writer stops.

Only rank 0 writes. The rank is that of `torch.distributed` if that is imported and initialised, else the environment
variable RANK (torchrun and similar launchers set it), else 0. The writer looks at it when the first session begins. The
file is locked, so two processes never write at once, whatever their ranks.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

from stepbridge import _core
from stepbridge._errors import TimelineError, warn
from stepbridge._ledger_rows import LEDGER_NAME
from stepbridge.ledger._locked_file import FileInUseError, FileReplacedError, LockedFile
from stepbridge.ledger._reading import ASSUMED_STEP, Base, LoggedStep
from stepbridge.timeline import UnitLike, unit_symbol, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["LedgerWriter", "checked_base", "rank"]


def rank() -> int:
    """Returns the rank of this process among those that train together; 0 if it trains alone. Imports nothing."""
    distributed: Any = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    try:
        return int(os.environ.get("RANK", "0"))
    except ValueError:
        return 0


class LedgerWriter:
    """Writes a clock's ledger. `StepClock(ledger=...)` makes one and calls it.

    Every method takes the clock's counters as the core has them, and the copies (`padding`) that it counted.

    Args:
        where: a folder, where the file is called `stepclock.jsonl`, or a file whose name ends in .jsonl.
        name: the clock's name, for the ledger and for warnings.
        logged_as: unit and base of the step that loggers are given, if the author of the loop states them.

    Raises:
        TimelineError: an unknown unit, one that no logger is given, or a base that is not 0 or 1.
    """

    def __init__(
        self, where: str | os.PathLike[str], *, name: str = "clock", logged_as: tuple[UnitLike, Base] | None = None
    ) -> None:
        from pathlib import Path  # noqa: PLC0415 - numpy does without it; it is a seventh of our own import time

        if not isinstance(where, (str, os.PathLike)):
            raise TypeError(f"ledger must be a folder or a file's name, not {type(where).__name__} ({where!r})")
        path = Path(where)
        self.path = path if path.suffix == ".jsonl" and not path.is_dir() else path / LEDGER_NAME
        self.name = name
        self._off = False
        self._file: LockedFile | None = None
        #: The session's number; None before its first line.
        self._session: int | None = None
        #: At the last line: the clock's batches and complete epochs, the file's size, and whether the line was a stop.
        self._at = (0, 0)
        self._size = 0
        self._stopped = False
        #: The number of the session's next line.
        self._lines = 0
        #: What is stated about the step that loggers are given, and how many of these lines the session has.
        self._stated: list[LoggedStep] = []
        self._written = 0
        #: Tags that are logged by a step of their own: unit, base, and who saw it.
        self._series: dict[str, tuple[str | None, Base, str]] = {}
        if logged_as is not None:
            given: object = logged_as
            if not isinstance(given, tuple) or len(given) != 2:
                raise TypeError(f'logged_as must be a unit and a base, such as ("step", 1), not {given!r}')
            unit, base = logged_as
            self._stated.append(_logged_step(unit, base, by="StepClock(logged_as=...)"))

    def open_session(self, clock: _core.Clock, padding: int, *, running: bool) -> None:
        """Begins a session if the clock begins to train, or continues from another point than the last line's.

        Args:
            clock: the counters.
            padding: copies counted.
            running: whether the clock is inside an epoch that this process counts.

        Warns:
            StepbridgeWarning: the ledger cannot be written.
        """
        if self._off or not self._is_ours():
            return
        if self._session is not None and not self._stopped and (running or self._at == _point(clock)):
            return
        self._guard(lambda: self._begin(clock, padding))

    def record_epoch(
        self, clock: _core.Clock, padding: int, *, cut: bool, skipped: Sequence[Sequence[int]] = ()
    ) -> None:
        """Records the epoch that has just ended.

        Args:
            clock: the counters, after the epoch.
            padding: copies counted.
            cut: whether the loop left it before the loader ended.
            skipped: runs of its steps that were not applied: the first one's number, from 1, and how many.

        Warns:
            StepbridgeWarning: the ledger cannot be written.
        """
        runs = [(first, count) for first, count in skipped]
        self._append(
            clock,
            padding,
            lambda session: _core.ledger_epoch(
                session,
                time.time(),
                at=_counts(clock),
                extra=(clock.applied, clock.token, padding),
                cut=cut,
                segments=clock._observed_epoch(),
                skipped=runs,
            ),
            counts=True,
        )

    def record_change(self, clock: _core.Clock, padding: int) -> None:
        """Records what is planned from here on.

        Warns:
            StepbridgeWarning: the ledger cannot be written.
        """
        epoch, iteration = clock._position
        self._append(
            clock,
            padding,
            lambda session: _core.ledger_change(
                session,
                time.time(),
                batch=clock.batch,
                epoch=epoch,
                iter=iteration,
                step=clock.step,
                segments=clock._planned(),
                done=clock._running_past_plan(),
            ),
        )

    def record_entry(
        self, clock: _core.Clock, padding: int, *, epoch: int, unit: str, at: int, repeated: int, left_out: int
    ) -> None:
        """Records that the loop entered an epoch at another point than the one reached.

        Args:
            clock: the counters.
            padding: copies counted.
            epoch: the epoch's index.
            unit: what the amounts count: "sp" or "ba".
            at: how much of the epoch's data is done where it is entered.
            repeated: how much is trained again.
            left_out: how much is never trained.

        Warns:
            StepbridgeWarning: the ledger cannot be written.
        """
        self._append(
            clock,
            padding,
            lambda session: _core.ledger_enter(
                session,
                time.time(),
                batch=clock.batch,
                epoch=epoch,
                unit=unit,
                at=at,
                repeated=repeated,
                left_out=left_out,
            ),
        )

    def record_series(
        self, clock: _core.Clock, padding: int, tag: str, unit: str | None, base: Base, *, by: str
    ) -> None:
        """Records that a tag is logged by another step than the one that loggers are given.

        Args:
            clock: the counters.
            padding: copies counted.
            tag: the tag.
            unit: what its step counts, as far as it was seen; None: nothing that the clock counts.
            base: 0 if the first one is 0, 1 if it is 1.
            by: the writer.

        Warns:
            StepbridgeWarning: the ledger cannot be written.
        """
        self._series[tag] = (unit, base, by)
        self._append(clock, padding, lambda line: self._series_line(line, tag))

    def _series_line(self, line: tuple[int, int], tag: str) -> str:
        unit, base, by = self._series[tag]
        return _core.ledger_series(line, time.time(), tag=tag, unit=unit, base=base, by=by)

    def record_marks(self, clock: _core.Clock, padding: int) -> None:
        """Records how many tokens were counted, at batches where that is not on record yet.

        Warns:
            StepbridgeWarning: the ledger cannot be written.
        """
        self._append(clock, padding, None)

    def record_stop(self, clock: _core.Clock, padding: int) -> None:
        """Records where the loop was left, and closes the file; a loop that continues opens it again.

        Warns:
            StepbridgeWarning: the ledger cannot be written.
        """
        if self._stopped:
            return
        self._append(
            clock,
            padding,
            lambda session: _core.ledger_stop(
                session,
                time.time(),
                at=_counts(clock),
                extra=(clock.applied, clock.token, padding),
                segments=clock._running(),
            ),
            counts=True,
        )
        if self._file is not None and self._file.ours:
            self._stopped = True
            self._file.close()
            self._file = None

    def record_logged_step(self, unit: UnitLike, base: Base, *, by: str) -> None:
        """Records what a logger is given as its step; before the first session it is kept for that.

        Warns:
            StepbridgeWarning: the ledger cannot be written.

        Raises:
            TimelineError: an unknown unit, one that no logger is given, or a base that is not 0 or 1.
        """
        logged = _logged_step(unit, base, by=by)
        if any((known.unit, known.base) == (logged.unit, logged.base) for known in self._stated):
            return
        self._stated.append(logged)
        if not self._off and self._session is not None and self._file is not None and self._file.ours:
            self._guard(self._write_stated)

    def forget_session(self) -> None:
        """Lets the next loop begin a session of its own: the clock was set to another state."""
        self._session = None

    def _is_ours(self) -> bool:
        """Whether this process writes, and not a worker that was forked from it."""
        return self._file is None or self._file.ours

    def _guard(self, write: Callable[[], None]) -> None:
        """Calls what may fail, and warns once if it does."""
        try:
            write()
        except FileInUseError:
            self._give_up("another clock or process is writing it", "give each run a ledger of its own")
        except FileReplacedError as error:
            self._give_up(f"{error.strerror} while the clock ran", "leave it in its place while a run goes on")
        except OSError as error:
            why = f"the system says: {error.strerror or error}"
            self._give_up(why, "make room, or give ledger= a folder that can be written")
        except (ValueError, OverflowError) as error:
            self._give_up(str(error), "give ledger= another folder")

    def _give_up(self, why: str, advice: str) -> None:
        self._off = True
        file, self._file = self._file, None
        if file is not None:
            file.close()
        warn(
            f"{self.name}: the ledger '{self.path}' is not written from here on: {why}. Training goes on without it; "
            f"what is in it is kept. To have one: {advice}"
        )

    def _begin(self, clock: _core.Clock, padding: int) -> None:
        if self._session is None and self._file is None and rank() != 0:
            self._off = True
            return
        file = self._file = self._file or LockedFile(self.path)
        if self._stopped and self._session is not None and self._at == _point(clock) and file.size == self._size:
            # The same loop continues, and no one else wrote in between.
            self._stopped = False
            self._write_stated()
            return
        number, supersedes, after, torn = self._next_session(clock)
        clock._mark()  # the line says how many tokens are counted here, so the clock's own timeline must know it too
        line = _core.ledger_session(
            number,
            time.time(),
            name=self.name,
            at=_counts(clock),
            extra=(clock.applied, clock.token, padding),
            timeline=clock._timeline(),
            supersedes=supersedes,
            after=after,
        )
        # An incomplete line of an earlier process stays as it is; the first line of this one begins after a line end.
        file.append(b"\n" * torn + line.encode())
        self._session, self._stopped, self._lines = number, False, 1
        clock._take_new_marks()  # the line has them
        self._at, self._size, self._written = _point(clock), file.size, 0
        if not self._stated:
            assumed = LoggedStep(*ASSUMED_STEP, stated=False, by="StepClock, where logged_as= says nothing")
            file.append(_logged_line((number, self._lines), assumed).encode())
            self._lines += 1
            self._size = file.size
        self._write_stated()
        for tag in self._series:
            file.append(self._series_line((number, self._lines), tag).encode())
            self._lines += 1
            self._size = file.size
        if clock._later() is not None:
            # The timeline of the first line ends with the running epoch, of unknown length; what follows it is planned.
            epoch, iteration = clock._position
            line = _core.ledger_change(
                (number, self._lines),
                time.time(),
                batch=clock.batch,
                epoch=epoch,
                iter=iteration,
                step=clock.step,
                segments=clock._planned(),
            )
            file.append(line.encode())
            self._lines += 1
            self._size = file.size

    def _write_stated(self) -> None:
        """Writes what is stated about the loggers' step and is not in the session yet."""
        file = self._file
        if file is None or self._session is None:
            return
        for logged in self._stated[self._written :]:
            file.append(_logged_line((self._session, self._lines), logged).encode())
            self._lines += 1
            self._written += 1
            self._size = file.size

    def _next_session(self, clock: _core.Clock) -> tuple[int, int | None, int | None, bool]:
        """What the file says of the new session.

        Returns:
            Its number, the one that it supersedes, the lines of the one before it, and whether the file ends inside a
            line.
        """
        if self._file is None or self._file.size == 0:
            return 0, None, None, False
        sessions, _, torn = _core.read_ledger(self.path)
        if not sessions:
            return 0, None, None, torn
        last = sessions[-1]
        batch, epochs, _, _ = last["end"]
        rewound = _point(clock) < (batch, epochs)
        number = max(session["number"] for session in sessions) + 1
        return number, last["number"] if rewound else None, last["lines"], torn

    def _append(
        self,
        clock: _core.Clock,
        padding: int,
        line: Callable[[tuple[int, int]], str] | None,
        *,
        counts: bool = False,
    ) -> None:
        """Writes a line of the session, if there is one, after the marks of tokens that are not on record yet.

        Args:
            clock: the counters.
            padding: copies counted.
            line: makes the line from the two numbers that it gets; None writes the marks alone.
            counts: whether the line itself says how many tokens are counted.
        """
        if self._off or self._session is None or not self._is_ours():
            return

        def write() -> None:
            if self._stopped:
                self._begin(clock, padding)
            session, file = self._session, self._file
            if session is None or file is None:
                return
            for batch, token in clock._take_new_marks():
                if not counts or batch != clock.batch:
                    mark = _core.ledger_mark((session, self._lines), time.time(), batch=batch, token=token)
                    file.append(mark.encode())
                    self._lines += 1
            if line is not None:
                file.append(line((session, self._lines)).encode())
                self._lines += 1
            self._at, self._size = _point(clock), file.size

        self._guard(write)

    def __getstate__(self) -> dict[str, Any]:
        # A copy in another process has no file, and begins a session where it trains; the lock prevents that two write.
        return {**self.__dict__, "_file": None, "_session": None, "_stopped": False}


def _point(clock: _core.Clock) -> tuple[int, int]:
    return clock.batch, clock._position[0]


def _counts(clock: _core.Clock) -> tuple[int, int, int, int | None]:
    return clock.batch, clock._position[0], clock.step, clock.sample


def checked_base(base: Base) -> Base:
    """Returns a base if it is 0 or 1.

    Raises:
        TypeError: it is not an integer.
        TimelineError: it is another one.
    """
    if whole_number("base", base) not in (0, 1):
        raise TimelineError(f"base must be 0 or 1, not {base}")
    return base


def _logged_step(unit: UnitLike, base: Base, *, by: str) -> LoggedStep:
    symbol = unit_symbol(unit)
    if symbol == "dur":
        raise TimelineError(
            f'logged_as: unit={unit!r}: loggers are given a "step", "batch", "sample", "token" or "epoch"'
        )
    return LoggedStep(symbol, checked_base(base), stated=True, by=by)


def _logged_line(line: tuple[int, int], logged: LoggedStep) -> str:
    return _core.ledger_logged_as(
        line, time.time(), unit=logged.unit, base=logged.base, stated=logged.stated, by=logged.by
    )
