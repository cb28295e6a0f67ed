"""How a loop changes a clock's plan, and moves the clock to another point of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepbridge._errors import TimelineError
from stepbridge.clock._entering import ClockEntering
from stepbridge.clock._resume import batches_at
from stepbridge.clock._skipped import SkippedSteps
from stepbridge.clock._trained import TrainedParts
from stepbridge.timeline import Between, Exact, Pending, Quantity, Timeline, as_quantity
from stepbridge.timeline._arguments import count
from stepbridge.timeline._plan import change_arguments
from stepbridge.timeline._segment import pending_window

if TYPE_CHECKING:
    import os

    from typing_extensions import Unpack

    from stepbridge.ledger import Base
    from stepbridge.timeline import ChangeArguments, QuantityLike, UnitLike

__all__ = ["ClockPlanning"]


class ClockPlanning(ClockEntering):
    """The part of `StepClock` that changes its plan."""

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
        super().__init__(plan, name=name, until=until, ledger=ledger, logged_as=logged_as)
        self._padding_each = count("padding", padding, "sp")

    def change(self, **changes: Unpack[ChangeArguments]) -> None:
        """Plans something different from the batch at hand on.

        Args:
            changes: `batch_size`, `accumulate`, `batches_per_epoch`, `samples`, `pending`: see `Timeline.change`.

        Raises:
            TimelineError: as `Timeline.change`.

        >>> from stepbridge import StepClock
        >>> clock = StepClock(samples=1000, batch_size=200, epochs=2)
        >>> for epoch in clock.epochs():
        ...     if epoch == 1:
        ...         clock.change(batch_size=100)
        ...     for batch in clock.batches(range(5 if epoch == 0 else 10)):
        ...         pass
        >>> clock.step, clock.sample
        (15, 2000)
        """
        arguments = change_arguments(**changes)
        if self._longer and (arguments["samples"] is not None or arguments["batches"] is not None):
            raise TimelineError(
                f"{self.name}: the running epoch was entered at another point than the one reached, so another amount "
                "of data cannot begin inside it: change it where the next epoch begins"
            )
        self._change(**arguments)
        if self._ledger is not None:
            self._ledger.record_change(self, self.padding)

    def replan(self, plan: Timeline, *, pending: Pending | None = None, padding: int | None = None) -> None:
        """Lets the run follow another plan from the batch at hand on; what was observed stays.

        Args:
            plan: equal epochs, as `Timeline.plan` makes them; they are those of the whole run.
            pending: what happens to a window that is open where `accumulate` differs; see `Timeline.change`.
            padding: copies that a distributed sampler adds to each epoch from here on; None: as before.

        Raises:
            TimelineError: the plan has other than equal epochs, ends before the running epoch, or `pending` is missing.
        """
        if not isinstance(plan, Timeline):
            raise TypeError(f"plan must be a Timeline, such as Timeline.plan(...) makes, not {type(plan).__name__}")
        decision = pending_window(pending)
        if padding is not None:
            self._padding_each = count("padding", padding, "sp")
        if self.batch or self._in_epoch or self._position[0] or pending is not None:
            self._set_plan(plan._core, decision, self._longer)
            self._plan, self._bounded = plan, plan.epochs is not None
        else:
            self._set_run(plan, plan, 0, 0)
        if self._ledger is not None:
            self._ledger.record_change(self, self.padding)

    def move_to(self, quantity: QuantityLike, *, tokens: int | None = None) -> None:
        """Moves the clock to another point of its timeline, forth or back, as a restored run does.

        What lies between is not counted as trained. In the ledger a new session begins there.

        Args:
            quantity: the point. Each epoch between counts `padding` copies.
            tokens: how many tokens are done there, if the loop counts them and the timeline does not know it.

        Raises:
            TimelineError: the point is inside a batch or an open window, or the timeline does not tell where it is; or
                how many tokens are done there is not known.
            IndexError: it is past the end of the plan.

        >>> from stepbridge import StepClock
        >>> clock = StepClock(batches_per_epoch=5, epochs=4)
        >>> clock.move_to("12st")
        >>> clock.position, clock.in_epoch
        (Position(epoch=2, iter=2), True)
        """
        amount = as_quantity("quantity", quantity)
        timeline = self.timeline
        batch, epochs = batches_at(timeline, amount, str(amount))
        counted = self._tokens_at(timeline, batch, tokens)
        self.settle_updates()
        self._forget_entries(batch, epochs)
        copies = self.padding + (epochs - self._position[0]) * self._padding_each
        if self._ledger is not None:
            self._ledger.record_stop(self, self.padding)
            self._ledger.forget_session()
        self._set_run(self._plan, timeline, batch, epochs)
        self._padding = max(copies, 0)
        self._skipped, self._skips = self._skipped.until(self.step), SkippedSteps()
        self._skip(self._skipped.total)
        if counted is not None:
            self._set_tokens(counted)

    def _forget_entries(self, batch: int, epochs: int) -> None:
        """Forgets at which points of its data the running epoch was entered, as the clock moves to another one.

        Raises:
            TimelineError: the clock moves back in such an epoch, or to one before it.
        """
        if batch == self.batch:
            return
        running = self._running_epoch()
        if (self._longer or self._trained.earlier) and running is not None and epochs <= running:
            raise TimelineError(
                f"{self.name}: cannot move to batch {batch}, as the running epoch was entered at another point of its "
                "data: how much of that was done at a batch is not known: load the state that was saved there"
            )
        self._longer = self._next_longer = 0
        self._trained, self._resized, self._rest = TrainedParts(), False, None
        if epochs != running:
            self._order = None

    def _tokens_at(self, timeline: Timeline, batch: int, stated: int | None) -> int | None:
        """The tokens that are counted after so many batches; None where the clock does not count them.

        Raises:
            TimelineError: it is not known, or not what the caller states.
        """
        if stated is not None:
            stated = count("tokens", stated, "tok")
        if timeline.tokens_per_sample is not None or not (self.token or stated):
            return None
        high: int | None
        match timeline.convert(Quantity(batch, "ba"), "token"):
            case Exact(known):
                low, high = int(known), int(known)
            case Between(lower, upper) if upper is not None:
                low, high = int(lower.value), int(upper.value)
            case _:
                low, high = self.token, None
        if stated is None and low == high:
            return low
        if stated is None or stated < low or (high is not None and stated > high):
            bounds = f"at least {low}" if high is None else f"{low}" if low == high else f"between {low} and {high}"
            raise TimelineError(
                f"{self.name}: cannot move to batch {batch}: the tokens counted there are {bounds}, "
                + ("and nobody says how many: give tokens=" if stated is None else f"not tokens={stated}")
            )
        return stated
