"""Which of the attempted updates were applied: one count for each optimizer that is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepbridge import _core

    class WarnOnce(Protocol):
        """`StepClock.warn_once`."""

        def __call__(self, counter: str, expected: object, seen: object, hint: str = "") -> None: ...


__all__ = ["PolledUpdates", "UpdateTracker", "Updates"]


class Updates:
    """The updates of one watched optimizer; `StepClock.updates` makes it. Call `count` after each real update."""

    __slots__ = ("_tracker", "applied", "name")

    def __init__(self, tracker: UpdateTracker, name: str, applied: int = 0) -> None:
        self.name = name
        self.applied = applied
        """Updates that really happened."""
        self._tracker = tracker

    def count(self) -> None:
        """Counts one real update.

        Warns:
            StepbridgeWarning: the clock expects none here, because its accumulation window is open.
        """
        self.applied += 1
        tracker = self._tracker
        tracker.updated = True
        if not tracker.clock.closes_step:
            tracker.warn_once(
                f"the updates of {self.name}",
                f"no update after batch {tracker.clock.batch}, where an accumulation window is open",
                f"update {self.applied}",
                "step only where clock.closes_step is true, or give the clock the loop's accumulate",
            )

    def skip(self) -> None:
        """Counts that the update at hand was attempted and left out, for a reason: a gradient overflowed."""
        tracker = self._tracker
        tracker.explained = True
        if len(tracker.live) == 1:
            tracker.settle()

    def end(self) -> None:
        """Expects no more updates of this optimizer; its count stays. A second call does nothing."""
        self._tracker.live.discard(self.name)


class PolledUpdates(Updates):
    """Updates that a framework counts in a counter of its own, where it calls no hook.

    Derive from it, and write `poll` and `settle`. The clock calls both before it decides about a step, when the next
    batch comes.

    Args:
        updates: what `StepClock.updates` returned for the optimizer; this object takes its place.
    """

    __slots__ = ()

    def __init__(self, updates: Updates) -> None:
        super().__init__(updates._tracker, updates.name, updates.applied)
        self._tracker.optimizers[self.name] = self
        self._tracker.polled.append(self)

    def poll(self) -> None:
        """Reads the counter, and calls `count` for each update since the last time."""
        raise NotImplementedError

    def settle(self) -> None:
        """Warns of what is odd in the counter's move, and calls `explain` where a missing update has a reason."""
        raise NotImplementedError

    def end(self) -> None:
        """Expects no more updates of this optimizer, and no longer reads its counter."""
        super().end()
        if self in self._tracker.polled:
            self._tracker.polled.remove(self)

    @property
    def alone(self) -> bool:
        """Whether no other optimizer is watched in this process."""
        return len(self._tracker.live) == 1

    @property
    def missing(self) -> bool:
        """Whether the last batch closed a step, and no update followed."""
        return self._tracker.missing

    def explain(self) -> None:
        """A missing update has a reason, or was warned of already: the clock counts it as skipped without a word."""
        self._tracker.explained = True

    def assume_applied(self) -> None:
        """Takes the step at hand for applied: the counter cannot say it, and nothing says that it was left out."""
        self._tracker.updated = True


class UpdateTracker:
    """All watched optimizers of a clock. A step in which none of them was updated counts as skipped.

    Args:
        clock: the counters.
        skip: what counts the last step as skipped.
        warn_once: what warns of a disagreement.
    """

    __slots__ = (
        "clock",
        "deciding",
        "explained",
        "live",
        "optimizers",
        "polled",
        "settled",
        "skip",
        "updated",
        "warn_once",
    )

    def __init__(self, clock: _core.Clock, skip: Callable[[], None], warn_once: WarnOnce) -> None:
        self.clock = clock
        self.skip = skip
        self.warn_once = warn_once
        self.optimizers: dict[str, Updates] = {}
        self.live: set[str] = set()
        """Those that are watched in this process; the counts of the others came with a saved state."""
        self.polled: list[PolledUpdates] = []
        """The live ones whose counters are read before a step is decided."""
        self.deciding = False
        """Whether their counters have just been read; reading them is what costs time."""
        self.settled = clock.batch
        """The batch up to which it is decided which steps were applied."""
        self.updated = False
        """Whether an optimizer was updated since then."""
        self.explained = False
        """Whether the reason is known if none was."""

    def add(self, name: str) -> Updates:
        """Returns the updates of the optimizer called `name`; a new one counts from 0, or from what was loaded."""
        self.live.add(name)
        if name not in self.optimizers:
            self.optimizers[name] = Updates(self, name)
        return self.optimizers[name]

    def poll(self) -> list[PolledUpdates]:
        """Reads the counters if a batch was counted since the last decision; returns those that were read."""
        polled = list(self.polled) if self.settled != self.clock.batch else []
        for updates in polled:
            updates.poll()
        return polled

    @property
    def missing(self) -> bool:
        """Whether the last batch closed a step, and no update followed so far."""
        clock = self.clock
        if self.polled and not self.deciding:
            self.poll()
        return not self.updated and self.settled != clock.batch and bool(self.live) and clock.closes_step

    def settle(self) -> None:
        """Decides about the step that the last batch closed, before the next one comes."""
        if self.updated and not self.polled:
            # The usual case, in every step of a run.
            self.updated = self.explained = False
            self.settled = self.clock.batch
            return
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
            self.skip()
            if not self.explained:
                self.warn_once(
                    "the updates",
                    f"one after batch {clock.batch}, which closes a step",
                    "none",
                    "where a loss scaler left it out, give the adapter the scaler; "
                    "else give the clock the loop's accumulate",
                )
        self.settled = clock.batch
        self.explained = False

    def state(self) -> dict[str, int]:
        """Returns the applied updates by name."""
        return {name: updates.applied for name, updates in self.optimizers.items()}

    def load(self, state: dict[str, int]) -> None:
        """Continues from a saved state; optimizers that are watched already keep their objects."""
        for name, applied in state.items():
            if name in self.optimizers:
                self.optimizers[name].applied = applied
            else:
                self.optimizers[name] = Updates(self, name, applied)
        self.settled = self.clock.batch
        self.updated = self.explained = False
