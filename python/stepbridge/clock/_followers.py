"""What follows a clock: hooks, watched optimizers, the ledger, and warnings to the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepbridge._errors import TimelineError, warn
from stepbridge.clock._readings import ClockReadings
from stepbridge.clock._skipped import SkippedSteps
from stepbridge.clock._updates import Updates, UpdateTracker
from stepbridge.ledger._writer import LedgerWriter, checked_base
from stepbridge.timeline import unit_symbol
from stepbridge.timeline._arguments import count, text

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from stepbridge.ledger import Base
    from stepbridge.timeline import Exact, QuantityLike, Timeline, UnitLike

__all__ = ["ClockFollowers"]


class ClockFollowers(ClockReadings):
    """The part of `StepClock` that others hang on."""

    hooks: tuple[Callable[[], object], ...] = ()
    """The functions that are called after each advance, in order; `add_hook` and `remove_hook` change them."""

    def __init__(
        self,
        plan: Timeline,
        *,
        name: str,
        until: QuantityLike | None,
        ledger: str | os.PathLike[str] | None,
        logged_as: tuple[UnitLike, Base] | None,
    ) -> None:
        super().__init__(plan, name=name, until=until)
        self._warned: set[str] = set()
        self._tracker: UpdateTracker | None = None
        self._hooks: list[Callable[[], object]] = []
        self.hooks = ()
        self._entry_checks: list[Callable[[Exact], object]] = []
        #: Whether several advances count as one, at whose end hooks run.
        self._held = False
        #: Steps that were not applied: those of the run, and those that the next line of the ledger has.
        self._skipped, self._skips = SkippedSteps(), SkippedSteps()
        self._ledger: LedgerWriter | None = None
        if ledger is not None:
            self._ledger = LedgerWriter(ledger, name=name, logged_as=logged_as)
        elif logged_as is not None:
            raise TimelineError("logged_as= goes into the ledger: give ledger= as well")

    def updates(self, name: str) -> Updates:
        """Returns the updates of a watched optimizer, and begins to watch it the first time.

        From then on a step in which no watched optimizer was updated counts as skipped. Adapters call it; your own loop
        may call it too, and then `count()` after each real update, and `skip()` after one that was left out.

        >>> from stepbridge import StepClock
        >>> clock = StepClock(batches_per_epoch=3, epochs=1)
        >>> sgd = clock.updates("sgd")
        >>> for epoch in clock.epochs():
        ...     for batch in clock.batches(range(3)):
        ...         if batch == 1:  # an overflow, which the scaler leaves out
        ...             sgd.skip()
        ...         else:
        ...             sgd.count()
        >>> clock.step, clock.applied, clock.updates_of("sgd")
        (3, 2, 2)
        """
        return self._tracking().add(text("name", name))

    def _tracking(self) -> UpdateTracker:
        if self._tracker is None:
            self._tracker = UpdateTracker(self, self.skip_update, self.warn_once)
        return self._tracker

    def updates_of(self, name: str) -> int:
        """Returns how many updates of one watched optimizer were applied.

        Raises:
            TimelineError: no optimizer of that name is watched.
        """
        optimizers = {} if self._tracker is None else self._tracker.optimizers
        if text("name of an optimizer", name) not in optimizers:
            watched = ", ".join(optimizers) or "none"
            raise TimelineError(f"{self.name}: no optimizer called {name!r} is watched: there are {watched}")
        return optimizers[name].applied

    def skip_update(self, steps: int = 1) -> None:
        """Counts the last attempted steps as not applied (a mixed-precision scaler left them out).

        Raises:
            TimelineError: the number is negative, or more than were attempted.
        """
        steps = count("steps", steps, "st")
        self._skip(steps)
        if steps:
            self._skips.include(self._skipped.add(self.step, steps))

    def settle_updates(self) -> None:
        """Decides now whether the step of the batch at hand was applied, and not only when the next batch comes."""
        if self._tracker is not None:
            self._tracker.settle()

    def _count_of_tokens(self, tokens: object) -> int:
        """Checks what `add_tokens` is given, where it is not a plain number."""
        return count("tokens", tokens, "tok")

    def _record_marks(self) -> None:
        """Writes the new marks of counted tokens into the ledger, if there is one."""
        if self._ledger is not None:
            self._ledger.record_marks(self, self.padding)
        self._take_new_marks()

    def add_hook(self, hook: Callable[[], object]) -> None:
        """Calls `hook` after each advance, before the loop's body sees the batch.

        Raises:
            TypeError: it cannot be called.
        """
        if not callable(hook):
            raise TypeError(f"hook must be a function without arguments, not {type(hook).__name__} ({hook!r})")
        self._hooks.append(hook)
        self.hooks = tuple(self._hooks)

    def remove_hook(self, hook: Callable[[], object]) -> None:
        """Calls `hook` no more.

        Raises:
            TimelineError: it was not added.
        """
        if hook not in self._hooks:
            raise TimelineError(f"{self.name}: the hook {hook!r} was not added, so it cannot be removed")
        self._hooks.remove(hook)
        self.hooks = tuple(self._hooks)

    def add_entry_check(self, check: Callable[[Exact], object]) -> None:
        """Calls `check` where a loader begins at another point of the epoch's data than the run has reached.

        It is called before anything is trained there, with that point, in samples or batches, and warns of it, or
        refuses it by an error. Without a check the clock warns.

        Raises:
            TypeError: it cannot be called.
        """
        if not callable(check):
            raise TypeError(f"check must be a function of one argument, not {type(check).__name__} ({check!r})")
        self._entry_checks.append(check)

    @property
    def is_followed(self) -> bool:
        """Whether a hook or a watched optimizer depends on each advance."""
        return self._tracker is not None or bool(self._hooks)

    def _run_hooks(self) -> None:
        if not self._held:
            for hook in self._hooks:
                hook()

    def warn(self, text: str) -> None:
        """Warns with a `StepbridgeWarning` that begins with the clock's name and points at the caller's code."""
        warn(f"{self.name}: {text}")

    def warn_once(self, counter: str, expected: object, seen: object, hint: str = "") -> None:
        """Warns that a counter is not what the clock expects; the first time only, for each counter.

        Args:
            counter: what disagrees: "optimizer.iterations".
            expected: what the clock expects.
            seen: what is there.
            hint: what the user can do about it.
        """
        if counter not in self._warned:
            self._warned.add(counter)
            self.warn(f"{counter}: expected {expected}, seen {seen}{f': {hint}' if hint else ''}")

    def record_series_step(self, tag: str, unit: UnitLike | None, base: Base, *, by: str) -> None:
        """Records in the ledger, if there is one, that a tag is logged by another step than `record_logged_step` says.

        The last word about a tag counts.

        Args:
            tag: the tag.
            unit: what its step counts; None: nothing that the clock counts, or unknown.
            base: 0 if the first one is 0, 1 if it is 1.
            by: the writer that saw it.
        """
        symbol, base = None if unit is None else unit_symbol(unit), checked_base(base)
        if self._ledger is not None:
            self._ledger.record_series(self, self.padding, tag, symbol, base, by=by)

    def record_logged_step(self, unit: UnitLike, base: Base, *, by: str) -> None:
        """Records in the ledger, if there is one, what a logger is given as its step.

        Args:
            unit: what the step counts.
            base: 0 if the first one is 0, 1 if it is 1.
            by: the writer that gives it.

        Raises:
            TimelineError: a unit that no logger is given, or another base.
        """
        if self._ledger is not None:
            self._ledger.record_logged_step(unit, base, by=by)
