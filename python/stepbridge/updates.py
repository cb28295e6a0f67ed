"""Which of the updates that were attempted were applied: one count for each optimizer that is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepbridge.clock import StepClock

__all__ = ["Updates", "Watched"]


class Updates:
    """The updates of one watched optimizer. Its adapter calls `count` after each real one."""

    __slots__ = ("_known", "_watched", "applied", "name")

    def __init__(self, watched: Watched, name: str, applied: int = 0) -> None:
        self.name = name
        self.applied = applied
        """Updates that really happened."""
        self._watched = watched
        self._known = applied

    def count(self) -> None:
        """Takes down one real update.

        Warns:
            StepbridgeWarning: the clock expects none here, since its accumulation window is open.
        """
        self.applied += 1
        clock = self._watched.clock
        if not clock.closes_step:
            expected = f"no update after batch {clock.batch}, where an accumulation window is open"
            clock._disagrees(
                f"the updates of {self.name}",
                expected,
                f"update {self.applied}",
                "step only where clock.closes_step is true, or give the clock the loop's accumulate",
            )

    def skip(self) -> None:
        """Takes down that the update at hand was attempted and left out, by one who knows it (an inf was found)."""
        if len(self._watched.optimizers) == 1:
            self._watched.settle()

    def _changed(self) -> bool:
        changed, self._known = self.applied != self._known, self.applied
        return changed


class Watched:
    """All watched optimizers of a clock. A step in which none of them was updated is one that was skipped."""

    __slots__ = ("clock", "optimizers", "settled")

    def __init__(self, clock: StepClock) -> None:
        self.clock = clock
        self.optimizers: dict[str, Updates] = {}
        self.settled = clock.batch
        """The batch up to which it is decided which steps were applied."""

    def add(self, name: str) -> Updates:
        """Returns the updates of the optimizer called `name`; a new one counts from 0, or from what was loaded."""
        if name not in self.optimizers:
            self.optimizers[name] = Updates(self, name)
        return self.optimizers[name]

    def settle(self) -> None:
        """Decides about the step that the last batch closed, before the next one comes."""
        clock = self.clock
        if self.settled == clock.batch:
            return
        self.settled = clock.batch
        updated = [updates._changed() for updates in self.optimizers.values()]
        if clock.closes_step and not any(updated):
            clock.skip_update()

    def state(self) -> dict[str, int]:
        """Returns the applied updates by name."""
        return {name: updates.applied for name, updates in self.optimizers.items()}

    def load(self, state: dict[str, int]) -> None:
        """Goes on from what was saved; optimizers that are watched already keep their objects."""
        for name, applied in state.items():
            updates = self.add(name)
            updates.applied = updates._known = applied
        self.settled = self.clock.batch
