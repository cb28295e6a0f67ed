"""The sessions of TF1: a hook that counts the global step of a graph.

What TensorFlow does (seen on 2.21):

- The global step is a variable of the graph, raised once an update by `minimize(loss, global_step=...)` or
  `apply_gradients(..., global_step=...)`, and by nothing without that argument.
- A global step that is fetched in the run that trains shows mostly the number before the update, and at times the one
  after (1 of 400 runs): what a hook asks for in `before_run` is racy by one. Read in a run of its own, in `after_run`,
  it is exact. TensorFlow's own hooks do that wherever it matters.
- `tf.compat.v1.train.get_global_step()` is None in eager mode, until `create_global_step` makes a variable there
  that no Keras optimizer raises.
- The loss scaling of TF1 (`MixedPrecisionLossScaleOptimizer`) leaves an update out where a gradient is not finite, and
  does not raise the global step for it: the batch is not counted, since it cannot be known.
- Where the data end, `session.run` raises OutOfRangeError: `after_run` is not called for it, `end` is.
- After AbortedError or UnavailableError a MonitoredSession makes a new session, restored from the last checkpoint, and
  calls `after_create_session` again: the global step goes back.
- Estimator is gone (`tf.estimator` and `tf.compat.v1.estimator` since 2.16); hooks run in MonitoredSession.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, SupportsInt

import tensorflow as tf

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import LoopDriver
from stepbridge.timeline import Exact, Quantity

if TYPE_CHECKING:
    from stepbridge.clock import StepClock

    class Session(Protocol):
        """A `tf.compat.v1.Session`."""

        def run(self, fetches: object) -> SupportsInt: ...

    class Stoppable(Protocol):
        """A `tf.train.Coordinator`."""

        def request_stop(self) -> None: ...

    class RunContext(Stoppable, Protocol):
        """A `tf.compat.v1.train.SessionRunContext`."""

        @property
        def session(self) -> Session: ...


__all__ = ["GlobalStepHook"]


class GlobalStepHook(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]  # TensorFlow has no types
    """Moves the clock by the graph's global step, and stops the session where the clock's run ends.

    After each `session.run` the clock is where the global step is: runs that do not train leave it alone, one
    that trains k steps moves it by k. Epochs follow from the clock's plan; where that has no lengths, call `end_epoch`
    when the data end. A session that was restored from a checkpoint moves the clock to its global step.

    Args:
        clock: give it the plan of the run; `accumulate`, where several runs add gradients up before one update.
        resume: what the input does where a restored global step lies inside an epoch: "continues" (it goes on with the
            batch after it) or "restart" (it begins again, and so does the epoch: the part done is on record as cut).

    Raises:
        TypeError: not a clock.
        TimelineError: another `resume`; and from the session: a global step that is negative, decreases, is past the
            end of the plan, or lies inside an epoch with nobody saying what the input does.
        RuntimeError: from the session: there is no global step.

    >>> import tensorflow as tf
    >>> from stepbridge import StepClock
    >>> v1 = tf.compat.v1
    >>> clock = StepClock(batches_per_epoch=5, epochs=2)
    >>> with tf.Graph().as_default():
    ...     weight = v1.get_variable("weight", initializer=1.0)
    ...     global_step = v1.train.get_or_create_global_step()
    ...     train = v1.train.GradientDescentOptimizer(0.1).minimize(weight**2, global_step=global_step)
    ...     with v1.train.MonitoredTrainingSession(hooks=[GlobalStepHook(clock)]) as session:
    ...         while not session.should_stop():
    ...             _ = session.run(train)
    >>> clock.step, clock.location
    (10, Location(epoch=1, iter=4))
    """

    def __init__(self, clock: StepClock, *, resume: Literal["continues", "restart"] | None = None) -> None:
        self._driver = LoopDriver(clock)
        self._clock = clock
        if resume not in (None, "continues", "restart"):
            raise TimelineError(f'unknown resume={resume!r}: expected "continues" or "restart"')
        self._resume = resume
        self._global_step: object = None
        self._sessions = self._runs = self._start = 0

    def begin(self) -> None:
        """Finds the global step of the graph."""
        self._sessions = self._runs = 0
        if tf.executing_eagerly():
            raise RuntimeError(
                f"{self._clock.name}: eager mode has no global step to follow: GlobalStepHook belongs into a TF1 graph "
                "(`with tf.Graph().as_default():`). In a TF2 loop clock.batches(dataset) counts, watch(clock, "
                "optimizer) compares with optimizer.iterations, and follow(clock) is a variable for tf.function"
            )
        self._global_step = tf.compat.v1.train.get_global_step()
        if self._global_step is None:
            raise RuntimeError(
                f"{self._clock.name}: the graph has no global step: make one with "
                "tf.compat.v1.train.get_or_create_global_step() and give it to minimize(loss, global_step=...)"
            )

    def after_create_session(self, session: Session, coord: Stoppable) -> None:
        """Moves the clock to a restored global step."""
        step = self._read(session)
        self._sessions += 1
        self._start = step
        self._adopt(step)
        if self._clock.finished:
            coord.request_stop()

    def after_run(self, run_context: RunContext, run_values: object) -> None:  # noqa: ARG002  # TensorFlow's signature
        """Counts what the run trained."""
        self._runs += 1
        self._count(self._read(run_context.session))
        if self._clock.finished:
            run_context.request_stop()

    def end(self, session: Session) -> None:
        """Counts what trained past the hooks, and says where nothing did."""
        clock = self._clock
        self._count(self._read(session))
        if self._runs and clock.step == self._start and not clock.finished:
            clock.warn_once(
                "global_step",
                f"more than {self._start} after {self._runs} runs of the session",
                clock.step,
                "give minimize or apply_gradients global_step=tf.compat.v1.train.get_or_create_global_step()",
            )
        self._driver.end_run()

    def end_epoch(self) -> None:
        """Ends the epoch: for a plan without lengths, where the session's OutOfRangeError says that the data did.

        Warns:
            StepbridgeWarning: the epoch is shorter than planned.
        """
        self._driver.end_epoch()

    def _read(self, session: Session) -> int:
        return int(session.run(self._global_step))

    def _adopt(self, step: int) -> None:
        """Moves the clock to the global step that the session begins with."""
        clock = self._clock
        if step < 0:
            raise TimelineError(f"{clock.name}: the session's global step is {step}: expected 0 or more")
        recovered = self._sessions > 1
        if step < clock.step and not recovered:
            raise TimelineError(
                f"{clock.name}: the session begins at global step {step}, the clock is at step {clock.step}: load "
                "the clock's state of the same checkpoint, or make a new clock, which goes to the session's global step"
            )
        if step < clock.step:
            clock.warn(
                f"the session was made anew at global step {step}; the clock goes back from step {clock.step} to it"
            )
        if step != clock.step:
            try:
                self._driver.begin_run(at=Quantity(step, "st"))
            except (ValueError, IndexError) as error:
                raise type(error)(f"{clock.name}: the session begins at global step {step}: {error}") from None
        if clock.resumed_inside and self._resume is None and not recovered:
            epoch, done = clock.position
            raise TimelineError(
                f"{clock.name}: global step {step} is {done} batches into epoch {epoch} (an index from 0): say what "
                'the input does there, GlobalStepHook(clock, resume="continues" | "restart")'
            )

    def _count(self, step: int) -> None:
        """Counts batches until the clock is at the global step."""
        clock = self._clock
        if step < clock.step:
            raise TimelineError(
                f"{clock.name}: the global step went back to {step}, the clock is at step {clock.step}: it was "
                "assigned in the middle of a session; begin a new session, with a new clock"
            )
        if clock.step == step:
            return
        # A run may train over the end of an epoch: triggers see all of it as one advance.
        with clock.one_advance():
            planned, overlong = clock.timeline.epochs, False
            while clock.step < step:
                self._enter_epoch()
                # The last epoch takes in what was trained past the end of the plan.
                overlong = overlong or clock.position.epoch == planned
                self._driver.batches(self._batches_until(step))
                if clock.position.iter == 0 and (clock.step >= step or clock.position.epoch != planned):
                    self._driver.end_epoch()
            if overlong:
                self._driver.end_epoch()

    def _batches_until(self, step: int) -> int:
        """Batches up to the one that closes the step, or to the end of the epoch; 1 where neither is known."""
        clock = self._clock
        timeline = clock.timeline
        ends = Quantity(step, "st"), Quantity(clock.position.epoch + 1, "ep")
        known = [int(end) for end in (timeline.convert(end, "batch") for end in ends) if isinstance(end, Exact)]
        return max(1, min(known) - clock.batch) if known else 1

    def _enter_epoch(self) -> None:
        clock = self._clock
        if clock.in_epoch and not clock.resumed_inside:
            return
        resumed = clock.resumed_inside
        # By its number: even if `until` is reached, the updates have happened.
        self._driver.begin_epoch(clock.position.epoch)
        if resumed and self._resume == "restart":
            clock.restart_epoch()
        running = clock.timeline.segments[-1]
        if running.batches is None and running.accumulate > 1:
            raise TimelineError(
                f"{clock.name}: with accumulate, and epochs of unknown length, a global step does not say how many "
                "batches are pending at the data's end: give the clock the lengths (samples and batch_size, or "
                "batches_per_epoch)"
            )
