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

    def add(self, last: int, count: int) -> None:
        """Adds the last `count` of the first `last` steps that are not among them yet."""
        while self.runs and sum(self.runs[-1]) > last - count:
            count += self.runs.pop()[1]
        self.runs.append((last - count + 1, count))

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
