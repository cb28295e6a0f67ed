"""The live clock of a training loop. Rust counts; this is the loop's side of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from stepbridge._errors import TimelineError
from stepbridge.clock._events import ClockEvents
from stepbridge.clock._resume import batches_at, is_stateful, not_empty
from stepbridge.clock._state import STATE_VERSION, check_state, uses_own_plan
from stepbridge.timeline import Pending, Timeline, as_quantity
from stepbridge.timeline._arguments import count
from stepbridge.timeline._plan import stated_arguments

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping

    from typing_extensions import Unpack

    from stepbridge.ledger import Base
    from stepbridge.timeline import PlanArguments, QuantityLike, UnitLike

__all__ = ["Resume", "StepClock"]

Item = TypeVar("Item")

#: What a loader does in an epoch that is resumed in its middle.
Resume: TypeAlias = Literal["continues", "skip", "restart"]


class StepClock(ClockEvents):
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
            `epochs`, `drop_last`, `accumulate`, `boundary`, `on_cut`, `tokens_per_sample`. Without them the clock learns the lengths.

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
        self._iterating = False
        #: Whether a state was loaded and no loader was asked for batches since.
        self._just_loaded = False
        if initial is not None:
            amount = as_quantity("initial", initial)
            self._set_run(plan, plan, *batches_at(plan, amount, f"initial={str(amount)!r}"))

    def epochs(self, n: int | None = None) -> Iterator[int]:
        """Runs epoch after epoch; yields each one's index, from 0. A resumed clock continues with the epoch it was in.

        Args:
            n: how many to run, where the plan has no end; where it has one, at most so many.

        Raises:
            TimelineError: neither the plan nor `n` nor `until` says how many.
            RuntimeError: the clock is in an `epochs()` already.

        Warns:
            StepbridgeWarning: an epoch had no batch: the loop goes over the loader itself, not over `batches(loader)`.
        """
        if n is not None:
            n = count("n", n, "ep")
        elif not self._bounded and self._until is None and not self._is_stream:
            raise TimelineError(
                f"{self.name}: the plan has no number of epochs: give epochs= to the clock, or epochs(n)"
            )
        return self._epochs(n)

    def _epochs(self, n: int | None) -> Iterator[int]:
        if self._iterating:
            raise RuntimeError(f"{self.name}: epochs() is running already; a clock counts one loop")
        self._iterating = True
        done = 0
        try:
            while n is None or done < n:
                if not self.begin_epoch():
                    return
                begun = self._position
                yield begun[0]
                if self._is_stream and self._position == begun:
                    return  # its loader has no more
                if self._in_epoch and begun[1] == 0 and self._position == begun:
                    self.warn_once(
                        "batches of an epoch",
                        "at least 1",
                        0,
                        "take them from clock.batches(loader), or count them with advance()",
                    )
                self._resumed = False
                done += 1
        finally:
            self._iterating = False
            # A resumed epoch that the loop broke out of can be entered once more.
            self._entered = False
            self.end_run()

    def batches(self, loader: Iterable[Item], *, resume: Resume | None = None) -> Iterator[Item]:
        """Yields the loader's batches and counts each one before the loop's body sees it.

        With accumulation and `boundary="flush"` over a loader of unknown length it reads one batch ahead, and nowhere
        else. Where `until` is reached it ends, and the epoch stays open: a resume continues inside it.

        Args:
            loader: any iterable.
            resume: in an epoch that was resumed in its middle, what the loader does: "continues" (it yields what is
                left; so does a loader with a `state_dict` of its own), "skip" (it begins again; the batches that are
                done are read and left out) or "restart" (it begins again: the epoch keeps its number and what it did,
                and holds all of its data once more).

        Raises:
            RuntimeError: outside `epochs()`.
            TimelineError: an epoch was resumed in its middle, and `resume` does not say what the loader does.

        Warns:
            StepbridgeWarning: the epoch has more or fewer batches than planned.
        """
        if not self._in_epoch:
            raise RuntimeError(f"{self.name}: batches() belongs inside `for epoch in clock.epochs():`")
        skip = self._batches_to_skip(loader, resume)
        fresh = self._just_loaded and self._position[1] == 0 and is_stateful(loader)
        items = iter(not_empty(loader) if fresh else loader)
        self._just_loaded = False
        for missing in range(skip, 0, -1):
            if next(items, self) is self:
                raise TimelineError(f"{self.name}: the loader ended {missing} batches before the position to resume at")
        if not self._looks_ahead:
            return self._batches(items)
        if is_stateful(loader):
            self.warn_once(
                "the loader's state_dict in the body of the loop",
                "that of the batch at hand",
                "that of the next one, which is read ahead to know an epoch's last batch",
                "give the clock the epoch's length (samples and batch_size, or batches_per_epoch)",
            )
        return self._batches_ahead(items)

    def _batches_to_skip(self, loader: object, resume: Resume | None) -> int:
        """Batches to leave out before the first one that is new."""
        if resume not in (None, "continues", "skip", "restart"):
            raise TimelineError(f'unknown resume={resume!r}: expected "continues", "skip" or "restart"')
        done = self.batch if self._is_stream else self._position[1]
        if not self._resumed or done == 0:
            return 0
        if resume is None and is_stateful(loader):
            # A StatefulDataLoader: it was saved with the clock, and yields what is left.
            return 0
        if resume is None:
            raise TimelineError(
                f"{self.name}: the epoch is resumed after {done} batches: say what the loader does with "
                'batches(loader, resume="continues" | "skip" | "restart")'
            )
        if resume == "restart":
            self.restart_epoch()
        return done if resume == "skip" else 0

    def _batches(self, items: Iterator[Item]) -> Iterator[Item]:
        advance, until, hooks = self._advance, self._until, self._hooks
        # The loader of a stream has no end: the plan says where it ends.
        ends = self._is_stream and self._bounded
        for item in items:
            if self._tracker is not None:
                self._tracker.settle()
            if not advance():
                self._warn_longer()
            if hooks:
                self._run_hooks()
            yield item
            if (until is not None and self._reached(until._amount)) or (ends and self._at_end):
                return self._leave()
        return self._finish()

    def _batches_ahead(self, items: Iterator[Item]) -> Iterator[Item]:
        """Knows the last batch when it yields it: a short update closes there."""
        none = object()
        item: Any = next(items, none)
        while item is not none:
            following: Any = next(items, none)
            self.settle_updates()
            self._advance(following is none)
            self._run_hooks()
            yield item
            if self.until_reached:
                return self._leave()
            item = following
        return self._finish()

    def _leave(self) -> None:
        """Leaves the loop where `until` is reached: an epoch that is not complete stays open."""
        if self._position[1] == 0:
            self._finish()

    def state_dict(self) -> dict[str, Any]:
        """Returns the clock's state: ints, strings and dicts only, so that any checkpoint format holds it."""
        # An update that has not come by now is not in what is saved, even if it comes later in this process.
        missing = self._tracker is not None and self._tracker.missing
        return {
            "version": STATE_VERSION,
            "timeline": self.timeline.to_json(),
            "plan": self._plan.to_json(),
            "batch": self.batch,
            "epochs": self._position[0],
            "skipped": self.step - self.applied + missing,
            "token": self.token,
            "padding": self._padding,
            "optimizers": {} if self._tracker is None else self._tracker.state(),
        }

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
            pending: where `accumulate` differs and a window is open: what happens to it, as in `Timeline.change`. The
                gradients of such a window are lost in a restart unless the loop saved them: then it is "drop".

        Raises:
            TimelineError: the state is incomplete, was saved by a newer stepbridge, or is that of another plan.
            RuntimeError: inside `epochs()`.
        """
        if self._iterating:
            raise RuntimeError(f"{self.name}: load_state_dict belongs before epochs()")
        check_state(self.name, state)
        timeline, saved = Timeline.from_json(state["timeline"]), Timeline.from_json(state["plan"])
        own = self._plan
        differs = uses_own_plan(self.name, own, saved, changed=changed)
        # Until all of it is known to fit, the clock stays where it is.
        trial = StepClock(saved, name=self.name)
        trial._set_run(saved, timeline, state["batch"], state["epochs"])
        if differs:
            trial._set_plan(own._core, pending)
        trial._skip(state["skipped"])
        trial._set_tokens(state["token"])
        self._set_run(own if differs else saved, trial.timeline, state["batch"], trial._position[0])
        self._skip(state["skipped"])
        self._set_tokens(state["token"])
        self._padding = state["padding"]
        self._just_loaded = True
        if self._ledger is not None:
            self._ledger.forget_session()
        if state["optimizers"]:
            self._tracking().load(state["optimizers"])
