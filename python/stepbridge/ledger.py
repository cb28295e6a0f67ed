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
from typing import TYPE_CHECKING, Any

from stepbridge import _core
from stepbridge.appending import Appending, InUseError, VanishedError
from stepbridge.errors import StepbridgeWarning
from stepbridge.recorded import ASSUMED, NAME, Base, LoggedAs
from stepbridge.units import UnitLike, whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepbridge.clock import StepClock

__all__ = ["LedgerWriter", "rank"]


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
        from pathlib import Path  # noqa: PLC0415 - see recorded.ledger_of

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
        if self._session is not None and not self._stopped and (running or self._at == _at(clock)):
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

    def _guarded(self, clock: StepClock | None, act: Any) -> None:  # noqa: ANN401 - a callable of no arguments
        """Does what may fail, and says once where it does."""
        try:
            act()
        except InUseError:
            self._give_up(clock, "another clock or process is writing it", "give each run a ledger of its own")
        except VanishedError as error:
            self._give_up(clock, f"{error.strerror} while the clock ran", "leave it in its place while a run goes on")
        except OSError as error:
            why = f"the system says: {error.strerror or error}"
            self._give_up(clock, why, "make room, or give ledger= a folder that can be written")
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
