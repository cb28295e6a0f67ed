"""Which of the updates that were attempted were applied: one count for each optimizer that is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepbridge.clock import StepClock

__all__ = ["Polled", "Updates", "Watched"]


class Updates:
    """The updates of one watched optimizer. Its adapter calls `count` after each real one."""

    __slots__ = ("_watched", "applied", "name")

    def __init__(self, watched: Watched, name: str, applied: int = 0) -> None:
        self.name = name
        self.applied = applied
        """Updates that really happened."""
        self._watched = watched

    def count(self) -> None:
        """Takes down one real update.

        Warns:
            StepbridgeWarning: the clock expects none here, since its accumulation window is open.
        """
        self.applied += 1
        watched = self._watched
        watched.updated = True
        clock = watched.clock
        if not clock.closes_step:
            clock._disagrees(
                f"the updates of {self.name}",
                f"no update after batch {clock.batch}, where an accumulation window is open",
                f"update {self.applied}",
                "step only where clock.closes_step is true, or give the clock the loop's accumulate",
            )

    def skip(self) -> None:
        """Takes down that the update at hand was attempted and left out, by one who knows it (an inf was found)."""
        watched = self._watched
        watched.explained = True
        if len(watched.live) == 1:
            watched.settle()

    def end(self) -> None:
        """Expects no more updates of this optimizer; its count stays. Doing it twice is harmless."""
        self._watched.live.discard(self.name)


class Polled(Updates):
    """Updates that the framework counts itself, in places where nobody can be called."""

    __slots__ = ()

    def __init__(self, watched: Watched, name: str) -> None:
        super().__init__(watched, name, watched.add(name).applied)
        watched.optimizers[name] = self
        watched.polled.append(self)

    def poll(self) -> None:
        """Counts what the framework has counted since it was last asked."""
        raise NotImplementedError

    def settle(self) -> None:
        """Says what is odd about the counter's way through the batch; called after `poll`, when a step is decided."""
        raise NotImplementedError

    def end(self) -> None:
        """Expects no more updates of this optimizer, and reads its counter no more."""
        super().end()
        if self in self._watched.polled:
            self._watched.polled.remove(self)


class Watched:
    """All watched optimizers of a clock. A step in which none of them was updated is one that was skipped."""

    __slots__ = ("clock", "deciding", "explained", "live", "optimizers", "polled", "settled", "updated")

    def __init__(self, clock: StepClock) -> None:
        self.clock = clock
        self.optimizers: dict[str, Updates] = {}
        self.live: set[str] = set()
        """Those that are watched in this process; of others the count is only carried on."""
        self.polled: list[Polled] = []
        """The live ones whose counters are read before a step is decided."""
        self.deciding = False
        """They were read just now, which takes longer than all the rest."""
        self.settled = clock.batch
        """The batch up to which it is decided which steps were applied."""
        self.updated = False
        """An optimizer was updated since then."""
        self.explained = False
        """Somebody knows why none was."""

    def add(self, name: str) -> Updates:
        """Returns the updates of the optimizer called `name`; a new one counts from 0, or from what was loaded."""
        self.live.add(name)
        if name not in self.optimizers:
            self.optimizers[name] = Updates(self, name)
        return self.optimizers[name]

    def poll(self) -> list[Polled]:
        """Reads the counters, where a batch was counted since it was last decided; returns those that were read."""
        polled = list(self.polled) if self.settled != self.clock.batch else []
        for updates in polled:
            updates.poll()
        return polled

    @property
    def missing(self) -> bool:
        """Whether the last batch closed a step, and no update came of it so far."""
        clock = self.clock
        if self.polled and not self.deciding:
            self.poll()
        return not self.updated and self.settled != clock.batch and bool(self.live) and clock.closes_step

    def settle(self) -> None:
        """Decides about the step that the last batch closed, before the next one comes."""
        if not self.polled:
            self._decide()
            return
        polled = self.poll()
        self.deciding = True
        try:
            for updates in polled:
                updates.settle()
            self._decide()
        finally:
            self.deciding = False

    def _decide(self) -> None:
        clock = self.clock
        if self.updated:
            self.updated = False
        elif self.missing:
            clock.skip_update()
            if not self.explained:
                clock._disagrees(
                    "the updates",
                    f"one after batch {clock.batch}, which closes a step",
                    "none",
                    "where a loss scaler left it out, tell the adapter of the scaler; "
                    "else give the clock the loop's accumulate",
                )
        self.settled = clock.batch
        self.explained = False

    def state(self) -> dict[str, int]:
        """Returns the applied updates by name."""
        return {name: updates.applied for name, updates in self.optimizers.items()}

    def load(self, state: dict[str, int]) -> None:
        """Goes on from what was saved; optimizers that are watched already keep their objects."""
        for name, applied in state.items():
            if name in self.optimizers:
                self.optimizers[name].applied = applied
            else:
                self.optimizers[name] = Updates(self, name, applied)
        self.settled = self.clock.batch
        self.updated = self.explained = False
