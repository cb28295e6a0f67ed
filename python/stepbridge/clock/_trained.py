"""Which parts of an epoch's data a loop trained that enters the epoch at several points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepbridge._errors import TimelineError
from stepbridge.timeline import whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TrainedParts"]


class TrainedParts:
    """The parts of the running epoch's data that were trained, and the one that is being trained.

    Amounts are in the unit of the data: samples, or batches. The current part began at `begin`, and has no end yet:
    whoever asks says how far it is.
    """

    __slots__ = ("begin", "earlier")

    def __init__(self, earlier: Sequence[tuple[int, int]] = (), begin: int = 0) -> None:
        self.earlier = tuple(earlier)
        "What was trained before the loop went elsewhere: from, and up to; in order, none touches another."
        self.begin = begin
        "Where the loop went on."

    def entered_at(self, done: int, at: int) -> TrainedParts:
        """The parts where the loop, which is `done`, goes on `at` another point."""
        return type(self)(self._all(done), at)

    def _all(self, done: int) -> list[tuple[int, int]]:
        """Every part, where the current one ends at `done`."""
        joined: list[tuple[int, int]] = []
        for begin, end in sorted([*self.earlier, (self.begin, max(self.begin, done))]):
            if joined and begin <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(joined[-1][1], end))
            elif begin < end:
                joined.append((begin, end))
        return joined

    def again_from(self, at: int) -> int:
        """How much was trained in earlier parts and lies past `at`."""
        return sum(end - max(begin, at) for begin, end in self.earlier if end > at)

    def again_between(self, begin: int, end: int) -> int:
        """How much of that lies between two points; none if they are not in order."""
        return max(self.again_from(begin) - self.again_from(end), 0)

    def missing_before_begin(self) -> int:
        """How much lies before the current part and was never trained."""
        return self.begin - sum(min(end, self.begin) - begin for begin, end in self.earlier if begin < self.begin)

    def missing_of(self, whole: int, done: int) -> int:
        """How much of the whole data was never trained, where the loop leaves it."""
        return whole - sum(end - begin for begin, end in self._all(done))

    def state(self) -> list[list[int]]:
        """The earlier parts and the begin of the current one; empty where the epoch was trained from its start."""
        return [*map(list, self.earlier), [self.begin]] if self.earlier or self.begin else []

    @classmethod
    def of_state(cls, state: object) -> TrainedParts:
        """The parts that `state` gave.

        Raises:
            TimelineError: it is nothing that `state` gives.
        """
        if state == []:
            return cls()
        if isinstance(state, list) and all(isinstance(part, list) for part in state):
            *earlier, last = state
            ends = [whole_number("trained", end) for part in earlier for end in part]
            paired = all(len(part) == 2 for part in earlier)
            if paired and len(last) == 1 and [0, *ends] == sorted([0, *ends]) and whole_number("trained", last[0]) >= 0:
                return cls([(begin, end) for begin, end in earlier], last[0])
        raise TimelineError(f"trained={state!r} is no list of parts of an epoch")
