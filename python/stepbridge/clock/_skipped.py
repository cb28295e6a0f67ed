"""Which steps were attempted and not applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepbridge._errors import TimelineError
from stepbridge.timeline import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SkippedSteps"]


class SkippedSteps:
    """Runs of skipped steps, so that a clock that moves back knows which of them were before that point."""

    __slots__ = ("runs", "unknown")

    def __init__(self, runs: Iterable[tuple[int, int]] = (), unknown: int = 0) -> None:
        self.runs = list(runs)
        "The number of each run's first step, from 1, and how many steps it has; in order."
        self.unknown = unknown
        "How many more were skipped, at steps that an old state does not tell."

    @property
    def total(self) -> int:
        """How many there are."""
        return self.unknown + sum(count for _, count in self.runs)

    def add(self, last: int, count: int) -> list[tuple[int, int]]:
        """Adds the last `count` of the first `last` steps that are not among them yet, and returns these, as runs."""
        added, end = [], last
        while self.runs and sum(self.runs[-1]) > last - count:
            first, known = self.runs.pop()
            if end >= first + known:
                added.append((first + known, end - first - known + 1))
            count, end = count + known, first - 1
        begin = last - count + 1
        if end >= begin:
            added.append((begin, end - begin + 1))
        self.runs.append((begin, count))
        return added[::-1]

    def include(self, runs: Iterable[tuple[int, int]]) -> None:
        """Adds runs of steps that are not among them yet."""
        for run in runs:
            late = bool(self.runs) and self.runs[-1] > run
            self.runs.append(run)
            if late:
                # They were attempted in an epoch that has ended.
                self.runs.sort()
            else:
                self._join_last()

    def _join_last(self) -> None:
        """Makes one run of the last two, if they follow one another."""
        if len(self.runs) > 1 and sum(self.runs[-2]) == self.runs[-1][0]:
            _, count = self.runs.pop()
            first, known = self.runs.pop()
            self.runs.append((first, known + count))

    def until(self, step: int) -> SkippedSteps:
        """Those among the first `step` steps."""
        runs = [(first, min(count, step - first + 1)) for first, count in self.runs if first <= step]
        return type(self)(runs, min(self.unknown, step - sum(count for _, count in runs)))

    def state(self) -> list[list[int]]:
        """The runs, for a saved state."""
        return [list(run) for run in self.runs]

    @classmethod
    def of_state(cls, state: object, total: int) -> SkippedSteps:
        """Those of a saved state, which has so many of them.

        Raises:
            TimelineError: they are not what `state` returns.
        """
        if isinstance(state, list) and all(isinstance(run, list) and len(run) == 2 for run in state):
            runs = [(whole_number("skips", first), whole_number("skips", count)) for first, count in state]
            ends = [0, *(number for first, count in runs for number in (first, first + count))]
            unknown = total - sum(count for _, count in runs)
            if ends == sorted(ends) and all(first > 0 < count for first, count in runs) and unknown >= 0:
                return cls(runs, unknown)
        raise TimelineError(f"skips={state!r} are not runs of {total} skipped steps")
