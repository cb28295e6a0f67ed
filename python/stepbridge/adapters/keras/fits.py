"""One call of `fit`: the plan that follows from what Keras announces, and what is counted in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stepbridge.adapters.keras.counts import accumulation, applied, iterations, loses_updates, makes_phantoms
from stepbridge.adapters.keras.sizes import UNKNOWN, Sizes, SizesLearner
from stepbridge.conventions import PHANTOM
from stepbridge.timeline import Quantity, Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    from stepbridge.adapters.base import LoopDriver
    from stepbridge.clock import StepClock

    class Callback(Protocol):
        """What a fit needs of the callback that keeps it."""

        clock: StepClock
        driver: LoopDriver
        lead: int | None
        params: Mapping[str, Any]
        _model: Any

        @property
        def model(self) -> Any: ...


__all__ = ["Fit"]


class Fit:
    """Plans a fit at its first epoch, and counts its batches.

    `careful` says that each batch has to come here; else only the one with the index `look` does, and the others are
    one addition each.
    """

    def __init__(self, callback: Callback, epoch: int, *, horizon: int | None, stated: bool) -> None:
        self._callback = callback
        self._driver, self._clock = callback.driver, callback.clock
        clock = self._clock
        self._model = model = callback._model
        params = callback.params
        self._steps: int | None = params["steps"]
        self._per_call: int = model.steps_per_execution
        self._scaled = loses_updates(model)
        self._accumulate = accumulation(model)
        self.careful = self._per_call > 1 or self._scaled or clock.until is not None or clock.is_followed
        self.lost = False
        self._epoch = epoch
        #: As the epoch begins: the clock's batches, the optimizer's, and by how much its updates are ahead.
        self._begun, self._before, self._offset = clock.batch, applied(model), 0
        #: What was said of the window that is open as the epoch begins.
        self._entry: int | Literal["drop"] | None = None
        self._stated = stated
        #: Whether the data is what is left of a resumed epoch, which goes on by the plan that it began with.
        self._rest = clock.goes_on_in_rest
        adopted = self._adopted(epoch)
        complete = epoch if adopted else clock.position.epoch
        self._epochs = max(horizon or 0, complete + params["epochs"] - epoch)
        self._enter(self._known_sizes(), clock.plan.segments[0].accumulate)
        if adopted is not None:
            # The windows that the checkpoint left are those of the plan from its start.
            clock.replan(clock.plan)
            self._driver.begin_run(at=Quantity(adopted, "ba"))
        self._claimed = False
        # Where samples were lost count of before, they stay unknown.
        counts_samples = clock.batch == 0 or clock.sample is not None
        learns = counts_samples and self._per_call == 1 and not self._rest
        self._learner = SizesLearner(self._steps) if self._steps and learns else None
        #: Batches that count as pending in the open window.
        self._phase = 0
        #: The optimizer's batches and updates at the last look.
        self._last: tuple[int | None, int | None] = (None, None)

    @property
    def look(self) -> int | None:
        """The index in its epoch of the next batch to look at; None: no more."""
        return None if self._learner is None else self._learner.due

    # --- the plan ---

    def _adopted(self, epoch: int) -> int | None:
        """The batches done in a checkpoint that has no clock, where Keras's epoch and its counter agree on them."""
        clock, seen = self._clock, applied(self._model)
        if not epoch or not seen or clock.position != (0, 0):
            return None
        if self._steps is not None and epoch * self._steps == seen:
            return seen
        clock.warn_once(
            f"the optimizer's count of batches, as fit begins with epoch {epoch}",
            "a number that the epochs' lengths would tell" if self._steps is None else epoch * self._steps,
            seen,
            'the clock begins at 0: say where the checkpoint stands with StepClock(initial="...ba")',
        )
        return None

    def _sizes(self) -> Sizes:
        """The sizes of the plan in force."""
        if len(self._clock.plan.segments) != 1:
            return UNKNOWN
        planned = self._clock.plan.segments[0]
        return Sizes(planned.batch_size, planned.samples)

    def _known_sizes(self) -> Sizes:
        """The sizes of the clock's plan, if they go with the batches that Keras announces."""
        planned = self._clock.plan.segments[0]
        if self._rest or self._steps is None or planned.batches in (None, self._steps):
            return self._sizes()
        if self._stated:
            self._clock.warn_once(
                "batches an epoch", planned.batches, self._steps, "the clock goes by what Keras announces"
            )
        return UNKNOWN

    def _enter(self, sizes: Sizes, accumulated: int) -> None:
        """Plans from here on, with the window that is open as Keras goes on with it.

        Args:
            sizes: of batches, as far as they are known.
            accumulated: batches a step so far.
        """
        self._replan(sizes, self._pending(accumulated))

    def _replan(self, sizes: Sizes, pending: int | Literal["drop"] | None = None) -> None:
        """Puts the plan in force that follows from Keras and from the sizes, and what is pending, if that is new."""
        clock = self._clock
        plan = clock.plan if self._rest else self._plan_of(sizes)
        if pending is not None:
            self._entry = pending
        if pending is not None or plan != clock.plan:
            # Until the epoch's first batch is counted it has to be said again.
            self._driver.begin_run(plan, pending=self._entry if clock.batch == self._begun else pending)

    def _plan_of(self, sizes: Sizes) -> Timeline:
        """The plan that follows from Keras and from the sizes."""
        whole = sizes.batch_size is not None
        return Timeline.plan(
            batches_per_epoch=self._steps,
            batch_size=sizes.batch_size,
            samples=sizes.samples if whole else None,
            drop_last=whole and sizes.samples is not None and self._clock.plan.segments[0].drop_last,
            epochs=self._epochs,
            accumulate=self._accumulate,
            boundary="carry",
        )

    def _pending(self, before: int) -> int | Literal["drop"] | None:
        """The batches pending by Keras, where the clock counts otherwise; `before` is the clock's accumulation."""
        seen = applied(self._model)
        if seen is None:
            return None
        every, callback = self._accumulate, self._callback
        lead = seen - self._clock.batch
        same = before == every and callback.lead is not None and (lead - callback.lead) % every == 0
        callback.lead = lead
        if same or (every == 1 and before == 1) or (self._clock.batch == 0 and seen % every == 0):
            return None
        return "drop" if every == 1 else seen % every

    # --- an epoch ---

    def align(self) -> None:
        """Has the clock close its windows where Keras does, before an epoch."""
        if self._accumulate > 1 and not self.lost:
            self._enter(self._sizes(), self._accumulate)

    def begin_epoch(self) -> None:
        """Records the counters."""
        self._begun, self._before = self._clock.batch, applied(self._model)
        self._last = self._before, iterations(self._model)
        self._offset = (self._last[1] or 0) - self._clock.applied
        self._phase = (self._before or 0) % self._accumulate

    def count(self, batch: int) -> None:
        """Counts an execution whose last batch has this index, and does all that may be due with it."""
        if self.lost:
            return
        clock = self._clock
        batches, updates = self._moved() if self._per_call > 1 or self._scaled else (None, None)
        done = 1 if self._per_call == 1 else self._executed(batches)
        if done is None:
            self._lose()
            return
        if batch == self.look:
            self._learn()
        clock.settle_updates()
        windows = self._scaled and self._accumulate > 1
        if windows and done == 1 and batches is not None:
            self._go_on_as_keras(batches)
        attempted = clock.step
        with clock.one_advance():
            self._driver.batches(done)
            if self._scaled and batches is not None and updates is not None and batches < done:
                clock.skip_update(max(clock.step - attempted - updates, 0))
                if windows and done > 1:
                    self.align()
        if self._driver.should_stop:
            self._model.stop_training = True

    def end_epoch(self, *, compare: bool) -> None:
        """Ends the epoch, and compares Keras's counter with the clock, unless it was set back."""
        if self.lost:
            return
        clock = self._clock
        self._entry = None
        seen = clock.batch - self._begun
        short = self._steps is None or seen < self._steps
        left = short and bool(self._model.stop_training)
        self._driver.end_epoch(cut=left)
        if self._rest and self._callback.params["epochs"] > self._epoch + 1:
            clock.warn(
                "fit() goes on with another epoch over clock.rest(...), which is what was left of the epoch before: "
                "fit the rest with epochs=initial_epoch + 1, then the whole data"
            )
        self._rest = False
        if compare:
            self._check(ended=short and not left)
        self._begun = clock.batch

    def ahead(self) -> int:
        """Batches that the optimizer counted and the clock not yet: a callback before it is saving the model."""
        seen = applied(self._model)
        if self.lost or self._scaled or self._per_call > 1 or seen is None or self._before is None or not self._steps:
            return 0
        return max(0, min(seen - self._before, self._steps) - (self._clock.batch - self._begun))

    # --- what an execution held ---

    def _moved(self) -> tuple[int | None, int | None]:
        """By how much the optimizer's counters moved: batches, updates."""
        model = self._callback.model
        before, self._last = self._last, (applied(model), iterations(model))
        batches, updates = (
            None if now is None or then is None else now - then for now, then in zip(self._last, before, strict=True)
        )
        return batches, updates

    def _executed(self, moved: int | None) -> int | None:
        """The batches of an execution; None if unknown."""
        done = self._clock.batch - self._begun
        left = None if self._steps is None else self._steps - done
        if moved is not None and 0 < moved <= self._per_call and not (self._scaled and moved < self._per_call):
            if left is not None and moved > left:
                # Endless data is taken in whole executions, past `steps_per_epoch`.
                self._clock.change(batches_per_epoch=done + moved)
            return moved
        return None if left is None else min(self._per_call, left)

    def _go_on_as_keras(self, moved: int) -> None:
        """Has a window stay open over a batch that LossScaleOptimizer left out of it."""
        every, after = self._accumulate, self._last[0] or 0
        before = (after - moved) % every
        # The batch at hand is counted next, and one that was left out must not bring the window on.
        wanted = before if moved else max(before - 1, 0)
        if wanted != self._phase:
            self._clock.replan(self._clock.plan, pending=wanted)
        self._phase = (wanted + 1) % every
        if self._phase == after % every:
            self._callback.lead = after - self._clock.batch - 1

    def _lose(self) -> None:
        """Stops counting, as nobody knows how many batches there are: better no number than a wrong one."""
        clock = self._clock
        self.lost = True
        clock.warn(
            f"fit() runs up to {self._per_call} batches an execution over data of unknown length, and the optimizer's "
            f"count does not tell how many: the clock stays at {clock.batch} batches until the next fit; give fit() "
            "steps_per_epoch, or compile() steps_per_execution=1"
        )
        self._driver.end_epoch(cut=True)
        clock.replan(Timeline.plan(accumulate=self._accumulate, boundary="carry"))

    def _learn(self) -> None:
        """Looks at the sizes of batches before the batch at hand is counted."""
        learner = self._learner
        if learner is None:
            return
        planned = self._clock.plan.segments[0]
        sizes = learner.look(self._callback.model)
        if sizes is None:
            if learner.failed and self._claimed:
                self._clock.warn_once(
                    "the samples of an epoch",
                    "batches of one size, the last one not larger",
                    "others, or an evaluation inside the epoch",
                    "they are unknown from the next epoch on: give samples= and batch_size= to ClockCallback",
                )
                self._replan(UNKNOWN)
            return
        if sizes == Sizes(planned.batch_size, sizes.samples and planned.samples):
            if self._stated and planned.samples is not None:
                # Said, and right so far; an evaluation inside the epoch would hide the rest.
                learner.stop()
            return
        if self._stated and not self._claimed and planned.batch_size is not None:
            self._clock.warn_once(
                "samples a batch", planned.batch_size, sizes.batch_size, "the clock goes by what Keras trains on"
            )
        self._claimed = True
        self._replan(sizes)

    def _check(self, *, ended: bool) -> None:
        """Compares the optimizer's updates with the clock's."""
        clock = self._clock
        expected = clock.applied + self._offset
        if ended and makes_phantoms(self._model) and (applied(self._model) or 0) % self._accumulate == 0:
            # Over windows it is an update only where the batch that never was closes one.
            expected += PHANTOM.gains
        self._driver.compare(
            "optimizer.iterations",
            iterations(self._model),
            expected,
            f"the clock counted {clock.batch - self._begun} batches in this epoch; a train_step of your own may "
            "update otherwise, or not at all",
        )
