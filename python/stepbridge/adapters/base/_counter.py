"""Counts the updates of an optimizer that a framework counts in a number of its own, and calls no hook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge.adapters.base._watch import Watch
from stepbridge.clock import PolledUpdates

if TYPE_CHECKING:
    from stepbridge.clock import StepClock, Updates

__all__ = ["CounterUpdates", "CounterWatch"]


class CounterWatch(Watch):
    """An optimizer whose real updates are read from its own counter, when the next batch comes.

    An adapter derives from it and writes `read`. Its count leaves out the update of the batch at hand until `sync`.

    Args:
        clock: the loop's clock.
        optimizer: the framework's object, which is kept, as the clock reads it.
        name: what it is called.
        counter: what warnings call the counter; by default its name and "iterations".

    Raises:
        TypeError, TimelineError: as `Watch`.
    """

    updates: CounterUpdates
    #: What the user can do where a batch that closes a step brings another number of updates than one.
    hint = "a step of the clock is one update: apply gradients once where clock.closes_step is true"

    def __init__(self, clock: StepClock, optimizer: Any, name: str | None, counter: str | None = None) -> None:
        # A variable or a function that is held nowhere else still counts.
        self._kept = optimizer
        super().__init__(clock, optimizer, name)
        self.counter = f"{self.name}.iterations" if counter is None else counter
        clock.add_hook(self)

    def read(self) -> int:
        """Returns the framework's count of updates that were applied."""
        raise NotImplementedError

    @property
    def left_out(self) -> bool:
        """Whether the framework may have left out an update that is missing, so that it needs no word."""
        raise NotImplementedError

    def check(self) -> None:
        """Checks that batches may be counted here; called after each batch is counted."""

    def _counting(self, updates: Updates) -> CounterUpdates:
        return CounterUpdates(self, updates)

    def sync(self) -> None:
        """Reads the counter now: for after the update, where `clock.applied` is wanted in the same batch."""
        self.clock.settle_updates()

    def remove(self) -> None:
        """Ends the watch after the batch at hand; the counts stay. A second call does nothing."""
        if self in self.clock.hooks:
            self.sync()
            self.clock.remove_hook(self)
        super().remove()

    def __call__(self) -> None:
        """What the clock calls: a batch is at hand, and its update still to come."""
        self.check()
        self.updates.start()


class CounterUpdates(PolledUpdates):
    """The updates of an optimizer by its own counter."""

    __slots__ = ("_mine", "_seen", "_since", "_watch")

    def __init__(self, watch: CounterWatch, updates: Updates) -> None:
        super().__init__(updates)
        self._watch = watch
        self._seen: int | None = None
        # What was counted here; where `applied` is another number, a checkpoint was loaded.
        self._mine = self.applied
        self._since = 0

    def start(self) -> None:
        """Records the counter before the first update; by then what is to be restored has been."""
        if self._seen is not None and self._mine == self.applied:
            return
        clock, watch = self._watch.clock, self._watch
        self._seen, self._mine = watch.read(), self.applied
        before = clock.applied - int(clock.closes_step)
        # Counted by a checkpoint, else as old as the clock; where several take turns, perhaps younger.
        expected = self.applied or before
        fewer = not self.alone and self._seen < expected
        if self._seen != expected and not fewer:
            adopt = f'StepClock(initial="{self._seen}st") begins there'
            clock.warn_once(
                watch.counter,
                f"{expected} before batch {clock.batch}",
                self._seen,
                adopt if self._seen > expected else "restore the optimizer with the clock",
            )

    def poll(self) -> None:
        """Counts what the optimizer has counted since."""
        seen = self._watch.read()
        before, self._seen = self._seen if self._seen is not None else seen, seen
        for _ in range(before, seen):
            self.count()
            self._since += 1
        self._mine = self.applied
        if seen < before:
            self.assume_applied()
            hint = "it was set back while the clock went on"
            self._watch.clock.warn_once(self._watch.counter, f"{before} or more", seen, hint)

    def settle(self) -> None:
        """Says where the batch brought another number of updates than one, for no known reason."""
        clock, watch = self._watch.clock, self._watch
        since, self._since = self._since, 0
        missing = self.missing
        left_out = missing and watch.left_out
        if left_out:
            self.explain()
        if clock.closes_step and (since > 1 or (missing and not left_out and self.alone)):
            self.explain()
            clock.warn_once(
                watch.counter,
                f"one more after batch {clock.batch}",
                f"{since} more ({self._seen})",
                watch.hint,
            )
