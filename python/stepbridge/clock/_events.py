"""What a loop, or the adapter of a framework, tells a clock: that epochs begin, batches pass and plans change.

An adapter needs nothing else of the clock than these calls and what `ClockReadings` answers:

- the run: `begin_epoch`, `advance` (or `advance_one`, `count_one`), `end_epoch`, `restart_epoch`, `end_run`, and
  `one_advance` around several of them that are one event;
- the plan: `change`, `replan`, `move_to`;
- updates: `updates`, `skip_update`, `settle_updates`, `add_tokens`;
- what should follow the clock: `add_hook`, `remove_hook`, `hooks`, `is_followed`;
- what the user should hear: `warn`, `warn_once`, `note_longer`; and what the ledger should hold: `record_logged_step`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from stepbridge import _core
from stepbridge._errors import TimelineError
from stepbridge.clock._planning import ClockPlanning
from stepbridge.clock._skipped import SkippedSteps
from stepbridge.clock._trained import TrainedParts
from stepbridge.timeline import Timeline, whole_number
from stepbridge.timeline._arguments import flag, positive

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from stepbridge.ledger import Base
    from stepbridge.timeline import QuantityLike, UnitLike

__all__ = ["ClockEvents"]


class ClockEvents(ClockPlanning):
    """The half of `StepClock` that moves it; `stepbridge.clock` is for those who write an adapter."""

    def __init__(
        self,
        plan: Timeline,
        *,
        name: str,
        until: QuantityLike | None,
        padding: int,
        ledger: str | os.PathLike[str] | None,
        logged_as: tuple[UnitLike, Base] | None,
    ) -> None:
        super().__init__(plan, name=name, until=until, padding=padding, ledger=ledger, logged_as=logged_as)

    # --- the run ---

    def begin_epoch(
        self, epoch: int | None = None, *, batch: int | None = None, sample: int | None = None, tell: bool = True
    ) -> bool:
        """Begins the next epoch, or enters the one that a resumed clock is inside.

        For callbacks and hooks; a loop of your own has `epochs()`. An epoch that is still open is ended as cut.

        A framework that resumes where it likes says where that is. What it trains again then counts as `repeated`, what
        it never trains as `left_out`; the ledger has both, and the first of each is warned of. An epoch keeps its
        number.

        Args:
            epoch: the index, from 0, of the epoch that the framework enters: the running one or a later one. The
                framework enters it in any case, so `until` does not prevent it.
            batch: batches of it that are done where it is entered; 0 for an epoch from its start.
            sample: samples of it that are done there.
            tell: whether to warn of what is trained again or left out; False where the caller has warned of it.

        Returns:
            Whether an epoch is running: False where `until` is reached or nothing more is planned.

        Raises:
            TimelineError: the framework enters an epoch that is over, one that is not planned, or a point past its end.

        Warns:
            StepbridgeWarning: part of the data is trained again, or never.

        >>> from stepbridge import StepClock
        >>> clock = StepClock(batches_per_epoch=3, epochs=2)
        >>> while clock.begin_epoch():
        ...     clock.advance(3)
        ...     clock.end_epoch()
        >>> clock.batch, clock.position
        (6, Position(epoch=2, iter=0))
        """
        stated = epoch is not None or batch is not None or sample is not None
        if not stated and self.until_reached:
            return False
        if not stated:
            return self._enter_next(goes_on=self.resumed_inside)
        wanted = self._wanted(epoch)
        running = self._running_epoch()
        at = self._entry_point(wanted, batch, sample, running=wanted == running)
        if wanted == running:
            if self.resumed_inside:
                self._enter_next(goes_on=True)
            if at is not None and at != self._data_done():
                self._enter_at(at, tell=tell)
            return True
        if self._ledger is not None:
            self._ledger.open_session(self, self.padding, running=self._in_epoch and not self.resumed_inside)
        self._pass_over(wanted, tell=tell)
        if not self._enter_next(goes_on=False):
            return False
        if at:
            self._enter_at(at, tell=tell)
        return True

    def _enter_next(self, *, goes_on: bool) -> bool:
        """Begins the next epoch, or goes on inside the running one; returns whether one is running."""
        if self._ledger is not None:
            self._ledger.open_session(self, self.padding, running=self._in_epoch and not self.resumed_inside)
        if not goes_on:
            self._finish(cut=True)
            if not self._begin_epoch():
                return False
            # An epoch that was entered elsewhere, and saved before its first batch, is planned so.
            self._longer, self._next_longer = self._next_longer, 0
            if self._longer and self._replanned:
                self._enter(0, -self._longer)
            self._resized, self._order = False, None
        self._entered = True
        return True

    def _pass_over(self, wanted: int, *, tell: bool) -> None:
        """Ends the running epoch and those before `wanted`, of which nothing more is trained."""
        self._leave_rest(tell=tell)
        while self._position[0] < wanted:
            passed = self._position[0]
            if not self._enter_next(goes_on=False):
                return
            missing, unit = self._never_trained(passed), self._data_unit
            self._finish(cut=True)
            self._note_entry(passed + 1, 0, repeated=0, left_out=missing, unit=unit, tell=tell)

    def _leave_rest(self, *, tell: bool) -> None:
        """Ends the running epoch, if there is one; what is left of its data is never trained."""
        running = self._running_epoch()
        if running is None:
            return
        missing, unit = self._never_trained(running), self._data_unit
        self._finish(cut=True)
        if missing:
            self._note_entry(running + 1, 0, repeated=0, left_out=missing, unit=unit, tell=tell)

    def advance(self, batches: int = 1, *, last: bool = False) -> None:
        """Counts batches that the loop did not take from `batches()`, as one event.

        Triggers see what they cross together.

        Args:
            batches: how many.
            last: whether the last of them ends the epoch's data. Where the length is not planned, a short update
                (`boundary="flush"`) closes only there; `end_epoch` still ends the epoch.

        Raises:
            RuntimeError: no epoch has begun.
            TimelineError: fewer than 1.

        Warns:
            StepbridgeWarning: the epoch has more batches than planned.

        >>> from stepbridge import StepClock
        >>> clock = StepClock(samples=1000, batch_size=200, epochs=2)
        >>> for epoch in clock.epochs():
        ...     for fused in (2, 2, 1):  # a compiled step that trains several batches at once
        ...         clock.advance(fused)
        >>> clock.step, clock.location
        (10, Location(epoch=1, iter=4))
        """
        if not self._in_epoch:
            raise RuntimeError(
                f"{self.name}: advance() belongs inside `for epoch in clock.epochs():`, or after begin_epoch()"
            )
        batches, last = positive("batches", batches, "ba"), flag("last", last)
        self.settle_updates()
        if not self._advance_many(batches, last):
            self.note_longer()
        self._run_hooks()

    def advance_one(self) -> None:
        """Counts one batch, as `advance()`; for a framework that calls back in every batch, as it checks nothing.

        Raises:
            TimelineError: no epoch has begun.

        Warns:
            StepbridgeWarning: the epoch has more batches than planned.
        """
        tracker = self._tracker
        if tracker is not None:
            tracker.settle()
        if not self._advance():
            self.note_longer()
        if self._hooks:
            self._run_hooks()

    count_one = _core.Clock._advance
    """Counts one batch and does nothing else: no hook runs, no update is settled, nothing is warned of.

    It is Rust's own method, for a framework that calls back in every batch; use it only while `is_followed` is False.
    It returns False where the epoch goes on past its plan: call `note_longer` then.
    """

    @contextmanager
    def one_advance(self) -> Iterator[None]:
        """Counts what happens inside as one advance, over the ends of epochs too.

        Triggers see all of it together, and hooks run once, at the end.

        >>> from stepbridge import StepClock
        >>> clock = StepClock(batches_per_epoch=3, epochs=2)
        >>> clock.begin_epoch()
        True
        >>> with clock.one_advance():
        ...     for batch in range(3):
        ...         clock.advance()
        >>> clock.every("2ba"), clock.multiples("2ba")
        (True, 1)
        """
        if self._held:
            yield
            return
        self._held = True
        self._hold()
        try:
            yield
        finally:
            self._held = False
            self._release()
        self._run_hooks()

    def end_epoch(self, *, cut: bool = False, leaves_out: bool = False) -> None:
        """Ends the running epoch, if there is one: the data has no more, or the loop leaves it.

        Args:
            cut: the loop left the epoch before its data ended. An epoch that is complete was not cut.
            leaves_out: a framework left it, and never trains what is left of its data; that counts as `left_out`.

        Warns:
            StepbridgeWarning: the data ended after fewer batches than planned.
        """
        flag("cut", cut)
        flag("leaves_out", leaves_out)
        if self.resumed_inside and self._ledger is not None:
            self._ledger.open_session(self, self.padding, running=False)
        if leaves_out:
            self._leave_rest(tell=False)
        else:
            self._finish(cut=cut)

    def _finish(self, *, cut: bool = False) -> None:
        if not self._in_epoch:
            return
        self.settle_updates()
        if self._is_stream:
            # The loader ended or was left; the stream goes on.
            self._resumed = False
            return
        epoch, seen = self._position
        cut = cut and not self._is_whole
        self._count_not_again()
        planned = self._end_epoch(cut)
        self._resumed, self._longer, self._resized = False, 0, False
        self._trained = TrainedParts()
        if not cut and planned is None:
            self._padding = whole_number("padding", self._padding + self._padding_each)
        if self._ledger is not None:
            self._ledger.record_epoch(self, self.padding, cut=cut, skipped=self._skips.runs)
        self._skips = SkippedSteps()
        if planned is not None and not cut:
            self.warn(f"epoch {epoch} (an index from 0) ended after {seen} batches, expected {planned}")

    def restart_epoch(
        self, epoch: int | None = None, *, batch: int | None = None, sample: int | None = None, tell: bool = True
    ) -> None:
        """Begins the running epoch again as a further one, or an earlier epoch, for a framework that counts it so.

        The part that was done stays on record as an epoch that was cut, and is not one of the planned epochs. To begin
        an epoch again by its own number: `begin_epoch(epoch, sample=0)`.

        Args:
            epoch: the index, from 0, of an earlier epoch that the framework begins again. It and those after it are
                then trained as further epochs, and what they repeat counts as `repeated`. Default: the running one.
            batch: batches of it that are done where it is entered.
            sample: samples of it that are done there.
            tell: whether to warn of what is trained again; False where the caller has warned of it.

        Raises:
            TimelineError: no such epoch has begun, or it has no such point.

        >>> from stepbridge import StepClock
        >>> clock = StepClock(samples=20, batch_size=5, epochs=2, initial="6ba")
        >>> clock.restart_epoch(0, sample=15, tell=False)
        >>> clock.repeated, clock.timeline.epochs, clock.position
        (Exact(15, 'sp'), 4, Position(epoch=2, iter=0))
        """
        if epoch is not None or batch is not None or sample is not None:
            self._begin_again(epoch, batch, sample, tell=tell)
            return
        self._resumed, self._padding = False, self.padding
        self._count_not_again()
        self._restart_epoch(self._longer)
        self._longer, self._resized, self._trained = 0, False, TrainedParts()
        if self._ledger is not None:
            self._ledger.record_epoch(self, self.padding, cut=True, skipped=self._skips.runs)
            self._ledger.record_change(self, self.padding)
        self._skips = SkippedSteps()
        self._begin_epoch()
        self._entered = True

    def _begin_again(self, epoch: int | None, batch: int | None, sample: int | None, *, tell: bool) -> None:
        """Begins an epoch that has begun before as a further one, at some point of its data."""
        running = self._running_epoch()
        following = self._position[0] if running is None else running + 1
        wanted = (following - 1) if epoch is None else whole_number("epoch", epoch, "ep")
        if not 0 <= wanted < following:
            raise TimelineError(
                f"{self.name}: cannot begin epoch {wanted} (an index from 0) again: "
                f"expected one of the {following} epochs that have begun"
            )
        at = self._entry_point(wanted, batch, sample, running=wanted == running, again=True) or 0
        unit = self._data_unit
        known = [self._data_of(number) or 0 for number in range(wanted, following)]
        if running is not None:
            known[-1] = self._data_done()
        self._plan_further(following - wanted)
        self._finish(cut=True)
        if self._enter_next(goes_on=False):
            if at and self._data_of(following) is not None:
                self._enter(0, at)
            self._longer = -at
            self._trained = TrainedParts([(0, known[0])], at)
            self._note_entry(following, at, repeated=max(sum(known) - at, 0), left_out=0, unit=unit, tell=tell)

    def _plan_further(self, epochs: int) -> None:
        """Plans so many epochs more, where the plan has an end."""
        plan = self._plan.segments[0]
        if plan.epochs is None or len(self._plan.segments) != 1:
            return
        self.replan(
            Timeline.plan(
                samples=plan.samples,
                batch_size=plan.batch_size,
                batches_per_epoch=None if plan.samples is not None and plan.batch_size is not None else plan.batches,
                epochs=plan.epochs + epochs,
                drop_last=plan.drop_last,
                accumulate=plan.accumulate,
                boundary=plan.boundary,
                on_cut=plan.on_cut,
                tokens_per_sample=plan.tokens_per_sample,
            )
        )

    def end_run(self) -> None:
        """Records in the ledger that the loop was left, and closes its file. Training may continue afterwards.

        `epochs()` does it by itself; a framework's callback calls it where the framework's training ends.
        """
        self._mark()
        if self._ledger is not None:
            self._ledger.record_stop(self, self.padding)

    def note_longer(self) -> None:
        """Says that the epoch goes on past its plan, and records it: where `count_one` returned False."""
        epoch, iteration = self.location
        if self._ledger is not None:
            self._ledger.record_change(self, self.padding)
        self.warn(
            f"epoch {epoch} (an index from 0) goes on past the {iteration} batches expected; "
            "its length is counted as it comes"
        )
