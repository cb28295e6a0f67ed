"""The events of a training loop, as the callbacks of a framework report them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge._errors import TimelineError, warn
from stepbridge.adapters.base._clocks import the_clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepbridge.clock import StepClock
    from stepbridge.timeline import Pending, QuantityLike, Timeline

__all__ = ["LoopDriver"]


class LoopDriver:
    """Moves a clock by what a framework reports: one method for each event.

    An adapter derives from it or holds one, and calls each method where its framework calls back. The driver counts
    nothing itself.

    Raises:
        TypeError: not a clock.

    >>> from stepbridge import StepClock
    >>> driver = LoopDriver(StepClock(batches_per_epoch=3, epochs=2, until="5ba"))
    >>> driver.begin_run()
    >>> while not driver.should_stop and driver.begin_epoch():
    ...     for batch in range(3):
    ...         driver.batches()
    ...         if driver.should_stop:
    ...             break
    ...     driver.end_epoch(cut=driver.should_stop)
    >>> driver.end_run()
    >>> driver.clock.batch, driver.clock.position
    (5, Position(epoch=2, iter=0))
    """

    def __init__(self, clock: StepClock) -> None:
        self.clock = the_clock(clock)

    def begin_run(
        self,
        plan: Timeline | None = None,
        *,
        at: QuantityLike | None = None,
        pending: Pending | None = None,
        padding: int | None = None,
    ) -> None:
        """Training begins, or continues in this process.

        Args:
            plan: the plan that the framework announces, if it does; the clock follows it from here on.
            at: where the framework says that it is, if it restores its own counters: the clock moves there.
            pending: what happens to an open window where the plan's `accumulate` differs.
            padding: copies that a distributed sampler adds to each epoch.

        Raises:
            TimelineError, IndexError: as `StepClock.replan` and `StepClock.move_to`.
        """
        if pending is not None or padding is not None or (plan is not None and plan != self.clock.plan):
            self.clock.replan(self.clock.plan if plan is None else plan, pending=pending, padding=padding)
        if at is not None:
            self.clock.move_to(at)

    def begin_epoch(
        self, epoch: int | None = None, *, batch: int | None = None, sample: int | None = None, tell: bool = True
    ) -> bool:
        """An epoch begins; see `StepClock.begin_epoch`. Returns whether one is running."""
        return self.clock.begin_epoch(epoch, batch=batch, sample=sample, tell=tell)

    def batches(self, batches: int = 1, *, last: bool = False) -> None:
        """Batches were trained, as one event; see `StepClock.advance`."""
        self.clock.advance(batches, last=last)

    def update(self, name: str = "optimizer", *, applied: bool = True) -> None:
        """The optimizer of that name was asked for an update: it was applied, or left out for a reason.

        From the first call on, a step in which no optimizer was updated counts as skipped.
        """
        updates = self.clock.updates(name)
        if applied:
            updates.count()
        else:
            updates.skip()

    def end_epoch(self, *, cut: bool = False, leaves_out: bool = False) -> None:
        """The epoch ended, or was left (`cut`); see `StepClock.end_epoch`."""
        self.clock.end_epoch(cut=cut, leaves_out=leaves_out)

    def end_run(self) -> None:
        """Training ended: the ledger records it and closes its file."""
        self.clock.end_run()

    def compare(self, counter: str, seen: object, expected: object, hint: str = "") -> bool:
        """Compares a counter of the framework with the clock; returns whether they agree.

        A framework that has no such counter gives None, which agrees with everything.

        Warns:
            StepbridgeWarning: they differ; the first time only, for each counter.
        """
        if seen is None or seen == expected:
            return True
        self.clock.warn_once(counter, expected, seen, hint)
        return False

    def continue_run(
        self,
        plan: Timeline,
        state: Mapping[str, Any],
        *,
        padding: int | None = None,
        pending: Pending = "drop",
        strict: bool = False,
    ) -> None:
        """Continues from a framework's checkpoint, by the plan of now.

        Args:
            plan: what the framework announces.
            state: what `state` returned.
            padding: copies that a distributed sampler adds to each epoch.
            pending: what the framework makes of a window that was open.
            strict: whether a checkpoint of another plan is an error. Else it is a warning, and the run goes on with
                other data.

        Raises:
            TimelineError: the state cannot be read; or it is of another plan, and `strict`.

        Warns:
            StepbridgeWarning: it is of another plan.
        """
        used = self.clock.batch > 0
        if not used:
            self.begin_run(plan, padding=padding)
        try:
            self.restore(state, pending=pending)
        except TimelineError as error:
            if strict or used:
                raise
            # What cannot be read cannot be read as another run's either.
            self.restore(state, pending=pending, changed=True)
            warn(f"{error}. Training goes on, and the clock counts it as the same run with other data")
        if used:
            self.begin_run(plan, padding=padding)

    @property
    def should_stop(self) -> bool:
        """Whether the clock's `until` is reached: the framework should train no further batch."""
        return self.clock.until_reached

    def state(self) -> dict[str, Any]:
        """Returns what belongs into the framework's checkpoint."""
        return self.clock.state_dict()

    def restore(self, state: Mapping[str, Any], *, changed: bool = False, pending: Pending | None = None) -> None:
        """Continues from what `state` returned; see `StepClock.load_state_dict`.

        Raises:
            TimelineError, RuntimeError: as `StepClock.load_state_dict`.
        """
        self.clock.load_state_dict(state, changed=changed, pending=pending)
