"""The live clock of a training loop. Rust counts; this is the loop's side of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge._errors import TimelineError
from stepbridge.clock._loop import ClockLoop
from stepbridge.clock._rest import Resume
from stepbridge.clock._resume import batches_at
from stepbridge.clock._skipped import SkippedSteps
from stepbridge.clock._state import STATE_VERSION, check_state, uses_own_plan
from stepbridge.clock._trained import TrainedParts
from stepbridge.timeline import Pending, Timeline, as_quantity, whole_number
from stepbridge.timeline._arguments import flag
from stepbridge.timeline._plan import stated_arguments
from stepbridge.timeline._segment import pending_window

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from typing_extensions import Unpack

    from stepbridge.ledger import Base
    from stepbridge.timeline import PlanArguments, QuantityLike, UnitLike

__all__ = ["Resume", "StepClock"]


class StepClock(ClockLoop):
    """The live position of a training loop, in samples, batches, steps and epochs at once.

    In the body of the loop the batch at hand counts as done: what you read there is right to log and to save. `batch`,
    `step`, `applied`, `sample` and `token` are counts; `epoch`, `iter` and `location` are where the batch at hand is
    (indices from 0). `every("500st")` and `at("90%")` ask whether the last advance crossed such a point.

    Args:
        plan: a `Timeline` to follow.
        name: what warnings and the ledger call the clock.
        until: where training stops, in any unit ("20_000st"), even if more is planned.
        initial: where the run is already, in any unit: for a checkpoint that has no clock in it.
        padding: copies that a distributed sampler adds to each epoch; `sample` leaves them out, `padding` counts them.
        ledger: a folder (or a file's name) for the record of what really happened, `stepclock.jsonl`.
        logged_as: unit and base of the step that the loop gives its loggers, for the ledger: ("step", 1) for
            `clock.step`. Without it the ledger says that this is assumed.
        parts: in place of `plan` the arguments of `Timeline.plan`: `samples`, `batch_size`, `batches_per_epoch`,
            `epochs`, `drop_last`, `accumulate`, `boundary`, `on_cut`, `tokens_per_sample`. Without them the clock
            learns the lengths.

    Raises:
        TimelineError, TypeError: as `Timeline.plan`; a plan and its parts are both given; `initial` is inside a batch.
        IndexError: `initial` is past the end of the plan.

    >>> clock = StepClock(samples=1000, batch_size=200, epochs=5)
    >>> for epoch in clock.epochs():
    ...     for batch in clock.batches(range(5)):
    ...         pass
    >>> print(f"Epoch {clock.epoch + 1}, Iter {clock.iter + 1}, Step {clock.step}")
    Epoch 5, Iter 5, Step 25
    """

    def __init__(
        self,
        plan: Timeline | None = None,
        *,
        name: str = "clock",
        until: QuantityLike | None = None,
        initial: QuantityLike | None = None,
        padding: int = 0,
        ledger: str | os.PathLike[str] | None = None,
        logged_as: tuple[UnitLike, Base] | None = None,
        **parts: Unpack[PlanArguments],
    ) -> None:
        if plan is None:
            plan = Timeline.plan(**parts)
        elif stated := stated_arguments(parts):
            raise TimelineError(f"give a plan, or the parts of one ({', '.join(stated)}), not both")
        super().__init__(plan, name=name, until=until, padding=padding, ledger=ledger, logged_as=logged_as)
        if initial is not None:
            amount = as_quantity("initial", initial)
            batch, epochs = batches_at(plan, amount, f"initial={str(amount)!r}")
            self._set_run(plan, plan, batch, epochs)
            self._padding = whole_number("padding", epochs * self._padding_each)

    def state_dict(self) -> dict[str, Any]:
        """Returns the clock's state: ints, strings and dicts only, so that any checkpoint format holds it."""
        # An update that has not come by now is not in what is saved, even if it comes later in this process.
        missing = self._tracker is not None and self._tracker.missing
        timeline = self.timeline
        state: dict[str, Any] = {
            "version": STATE_VERSION,
            "timeline": timeline._core.to_json(tokens=False),
            "plan": self._plan.to_json(),
            "batch": self.batch,
            "epochs": self._position[0],
            "skipped": self.step - self.applied + missing,
            "token": self.token,
            "padding": self.padding,
            "optimizers": {} if self._tracker is None else self._tracker.state(),
        }
        # What older versions do not know is there only where it says something.
        further = {
            "repeated": self._repeated,
            "left_out": self._left_out,
            "longer": self._longer or self._next_longer,
            "trained": self._trained.state(),
            "replanned": bool(self._next_longer) and self._replanned,
            "skips": self._skips_of_state(missing=missing),
            "order": self._order if self._position[1] else None,
            "later": self._later(),
            "marks": timeline._core.tokens_to_json(),
        }
        return state | {key: value for key, value in further.items() if value}

    def load_state_dict(
        self, state: Mapping[str, Any], *, changed: bool = False, pending: Pending | None = None
    ) -> None:
        """Continues from where `state` was saved: what was observed, then what was planned.

        A clock that was made with a plan compares it with the checkpoint's. Another batch size, accumulation or number
        of epochs holds from here on, at the exact sample reached; nothing is recomputed from steps. Other samples,
        batches an epoch, `drop_last` or boundary are another run's, and refused unless `changed`.

        Args:
            state: what `state_dict` returned.
            changed: the same run continues with another data set, so that those may differ.
            pending: where an accumulation window is open: what happens to it, as in `Timeline.change`. Its gradients
                are lost in a restart unless the loop saved them: then it is "drop"; if it did, "carry".

        Raises:
            TimelineError: the state is incomplete, was saved by a newer stepbridge, or is that of another plan; or a
                window is open, and `pending` does not say what happens to it.
            RuntimeError: inside `epochs()`.
        """
        if self._iterating:
            raise RuntimeError(f"{self.name}: load_state_dict belongs before epochs()")
        flag("changed", changed)
        decision = pending_window(pending)
        check_state(self.name, state)
        timeline, saved = Timeline.from_json(state["timeline"]), Timeline.from_json(state["plan"])
        if marks := state.get("marks"):
            timeline = Timeline._of(timeline._core.with_tokens_json(marks))
        own = self._plan
        differs = uses_own_plan(self.name, own, saved, changed=changed)
        # Until all of it is known to fit, the clock stays where it is.
        trial = StepClock(saved, name=self.name)
        trial._set_run(saved, timeline, state["batch"], state["epochs"])
        trial._plan_later(state.get("later"), saved._core)
        longer = state.get("longer", 0)
        if trial._pending and pending is None:
            raise TimelineError(
                f"{self.name}: the checkpoint is inside an open window, of which {trial._pending} batches are done: "
                'say what becomes of their gradients: load_state_dict(state, pending="drop") where they are lost, as '
                'no optimizer saves them, "carry" where the loop saved and loaded them'
            )
        if differs:
            trial._set_plan(own._core, decision, longer)
        elif trial._pending:
            trial.change(pending=pending)
        trial._skip(state["skipped"])
        trial._set_tokens(state["token"])
        later = trial._later()
        self._set_run(own if differs else saved, trial.timeline, state["batch"], trial._position[0])
        if later is not None:
            self._plan_later(later, self._plan._core)
        self._skip(state["skipped"])
        self._skipped = SkippedSteps.of_state(state.get("skips", []), state["skipped"])
        self._skips = SkippedSteps()
        self._set_tokens(state["token"])
        self._padding = state["padding"]
        self._repeated, self._left_out = state.get("repeated", 0), state.get("left_out", 0)
        self._longer, self._next_longer = (longer, 0) if self._in_epoch else (0, longer)
        self._trained = TrainedParts.of_state(state.get("trained", []))
        self._order, self._replanned = state.get("order"), differs or bool(state.get("replanned"))
        self._resized = differs and self._has_other_batches(own, saved)
        self._just_loaded, self._rest = True, None
        if self._ledger is not None:
            self._ledger.forget_session()
        if state["optimizers"]:
            self._tracking().load(state["optimizers"])

    def _skips_of_state(self, *, missing: bool) -> list[list[int]]:
        skipped = SkippedSteps(self._skipped.runs)
        if missing:
            skipped.add(self.step, 1)
        return skipped.state()

    @staticmethod
    def _has_other_batches(own: Timeline, saved: Timeline) -> bool:
        """Whether two plans divide an epoch into other batches, as far as they say it."""
        return {segment.batches for segment in own.segments} != {segment.batches for segment in saved.segments}
