"""Keeps a clock in step with an engine.

What Ignite does (seen on 0.5.1 and 0.5.5):

- `state.iteration` counts batches from 1 and moves before ITERATION_STARTED; `state.epoch` counts from 1 and moves
  before EPOCH_STARTED. A batch is counted at ITERATION_STARTED, before the update function;
- `terminate_epoch` ends an epoch after the batch at hand: TERMINATE_SINGLE_EPOCH, then EPOCH_COMPLETED, and the data
  begin anew. `terminate` ends the run: TERMINATE, COMPLETED and no EPOCH_COMPLETED; a further `run` enters the next
  epoch;
- a handler of EXCEPTION_RAISED swallows the exception, so none is added here. Where the user has one, the engine goes
  on with the next epoch;
- `run` on a finished engine begins at iteration 0 again, with the weights as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary, ref

from ignite.engine import Engine, Events

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import LoopDriver, check_mismatch, the_clock
from stepbridge.adapters.ignite.planning import place_of, planned, start_of
from stepbridge.adapters.torch import watch
from stepbridge.checkpoints import IgniteArguments, ignite_check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepbridge.adapters.ignite.planning import Planned
    from stepbridge.adapters.torch import Watch
    from stepbridge.checkpoints import IgnitePlace, ResumeCheck
    from stepbridge.clock import StepClock
    from stepbridge.timeline import Boundary, OnCut, Pending

__all__ = ["Attachment", "attach"]

#: Which engine has a clock.
_ENGINES: WeakKeyDictionary[StepClock, ref[Engine]] = WeakKeyDictionary()


def attach(
    engine: Engine,
    clock: StepClock,
    optimizer: Any = None,
    *,
    scaler: Any = None,
    boundary: Boundary | None = None,
    on_cut: OnCut | None = None,
    mismatch: Literal["warn", "raise"] = "warn",
) -> Attachment:
    """Keeps a clock in step with `engine.run`: the engine's loader and epochs are its plan.

    Attach it before your own handlers, so that they find the batch at hand counted. Put what it returns into
    `Checkpoint({"trainer": engine, "clock": counting, ...})`. A resume is checked when the run begins: where Ignite
    goes on at another sample than the run has reached, the difference, its cause and a remedy are a warning, or an
    error. After the warning the clock counts on what is really trained.

    Args:
        engine: the engine that trains.
        clock: its clock; `StepClock(accumulate=4)` where the engine accumulates, which it does not say.
        optimizer: a PyTorch optimizer whose real updates count.
        scaler: the `GradScaler` that calls it; by default `engine.state.scaler`, if there is one.
        boundary: what the engine does with a window that is open at the end of an epoch. By default what the clock was
            given; "carry", as Ignite's own trainers do, where that is the clock's own default.
        on_cut: what it does with one where an epoch is left; by default what the clock was given.
        mismatch: what a resume at another sample is: a warning, or an error before anything is trained.

    Raises:
        TypeError: not an engine, not a clock, not an optimizer.
        TimelineError: the clock is attached to an engine already; another word for `mismatch`; when the run begins: the
            resume is refused.

    Warns:
        StepbridgeWarning: a resume goes on at another sample, or the checkpoint has no clock.
    """
    if not isinstance(engine, Engine):
        raise TypeError(f"attach takes an ignite.engine.Engine first, not {type(engine).__name__}")
    the_clock(clock)
    check_mismatch(mismatch)
    attached = _ENGINES.get(clock)
    if attached is not None and attached() is not None:
        which = "this engine" if attached() is engine else "another engine"
        raise TimelineError(
            f"{clock.name}: the clock is attached to {which} already, and each batch would count twice: give each "
            "engine a clock of its own, or remove() the first attachment"
        )
    watched = None
    if optimizer is not None:
        watched = watch(clock, optimizer, scaler if scaler is not None else getattr(engine.state, "scaler", None))
    counting = Attachment(engine, clock, watched, boundary=boundary, on_cut=on_cut, mismatch=mismatch)
    _ENGINES[clock] = ref(engine)
    return counting


class Attachment:
    """A clock that counts what an engine trains; made by `attach`. It belongs into the checkpoint."""

    def __init__(
        self,
        engine: Engine,
        clock: StepClock,
        watched: Watch | None,
        *,
        boundary: Boundary | None,
        on_cut: OnCut | None,
        mismatch: str,
    ) -> None:
        self.driver = LoopDriver(clock)
        self.clock = clock
        self._engine = ref(engine)
        self.watched = watched
        """The optimizer whose updates count, if one was given."""
        self.check: ResumeCheck | None = None
        """Where the last resume went on, next to where the run was; None where training began anew."""
        self._boundary, self._on_cut, self._strict = boundary, on_cut, mismatch == "raise"
        segments = clock.plan.segments
        self._stated = segments[0] if len(segments) == 1 else None
        self._planned: Planned | None = None
        #: What a checkpoint brought, until the run begins; where the engine goes on, until its first epoch.
        self._loaded: Mapping[str, Any] | None = None
        self._place: IgnitePlace | None = None
        #: By how many epochs the clock's index is above the engine's.
        self._later = 0
        #: The engine's iteration when it was seen last, and whether the run was ended inside an epoch.
        self._iteration = 0
        self._terminated = False
        #: Whether a batch is counted and its iteration not completed; whether the epoch at hand ends before its data.
        self._open = self._ends_early = False
        #: Whether the clock's batch size is that of a partial batch.
        self._partial = False
        handlers = {
            Events.STARTED: self._start,
            Events.EPOCH_STARTED: self._start_epoch,
            Events.ITERATION_STARTED: self._count,
            Events.ITERATION_COMPLETED: self._complete,
            Events.DATALOADER_STOP_ITERATION: self._begin_data,
            Events.TERMINATE_SINGLE_EPOCH: self._leave_epoch,
            Events.EPOCH_COMPLETED: self._end_epoch,
            Events.TERMINATE: self._terminate,
            Events.COMPLETED: self._end,
        }
        self._handles = [engine.add_event_handler(event, handler) for event, handler in handlers.items()]

    def remove(self) -> None:
        """Detaches the clock from the engine and its optimizer; what it counted stays."""
        if self.watched is not None:
            self.watched.remove()
        for handle in self._handles:
            handle.remove()
        _ENGINES.pop(self.clock, None)

    # --- the checkpoint ---

    def state_dict(self) -> dict[str, Any]:
        """Returns the clock's state, and what a resume is compared with."""
        run = self._planned
        state = {
            "clock": self.driver.state(),
            "later": self._later,
            "arguments": None if run is None else run.arguments._asdict(),
        }
        # A resume finds these out anew; who reads the file has them from here alone.
        return state if run is None else state | {"start": start_of(self._engine(), run), "shuffled": run.shuffled}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes a state; the clock continues from it where the run begins, which the engine's own state decides.

        Raises:
            TimelineError: it is not what `state_dict` returned.
        """
        if not isinstance(state_dict.get("clock"), dict) or type(state_dict.get("later")) is not int:
            raise TimelineError(
                f"{self.clock.name}: expected the state of an Attachment, which has a clock and a number of epochs: "
                'save what attach returned, Checkpoint({"trainer": trainer, "clock": counting})'
            )
        self._loaded = state_dict

    # --- the run ---

    def _start(self, engine: Engine) -> None:
        """The run begins, or goes on."""
        clock, iteration = self.clock, engine.state.iteration
        # A run that an exception ended goes on inside its epoch, as one that was loaded does; one that was terminated
        # enters the next epoch.
        inside = clock.in_epoch and clock.position.iter > 0 and not self._terminated
        loaded, self._loaded = self._loaded, None
        self._warn_of_open_batch()
        self._ends_early = self._partial = False
        check = self.check = self._place = None
        moved = iteration != self._iteration and bool(iteration)
        if loaded is not None:
            self._later = loaded["later"]
        elif self._terminated or not (iteration or inside):
            # What was trained before stays; the engine enters a new epoch.
            self.driver.end_epoch(cut=True)
            self._later = clock.position.epoch - (engine.state.epoch if iteration else 0)
        self._terminated = False
        run = planned(engine, later=self._later, stated=self._stated, boundary=self._boundary, on_cut=self._on_cut)
        self._planned = run
        if run.data is not None:
            run.data.begin()
        pending = self._pending(engine, run)
        if loaded is not None:
            self._restore(run, loaded, pending)
        else:
            self.driver.begin_run(run.plan, padding=run.padding, pending=pending if clock.batch else None)
            if moved and not clock.batch:
                self._begin_without_a_clock(engine, run)
        if loaded is not None or moved or inside:
            check = self._check(engine, run, loaded)
        if clock.plan != run.plan:
            self.driver.begin_run(run.plan, padding=run.padding, pending=pending)
        if run.uneven and (check is None or check.agrees):
            clock.warn_once(
                "epoch_length",
                f"{run.arguments.batches}, the batches of the loader",
                engine.state.epoch_length,
                "the last batch of the data is a partial one, anywhere in an epoch, so samples are not counted; "
                "drop_last=True makes all batches alike",
            )

    def _restore(self, run: Planned, loaded: Mapping[str, Any], pending: Pending) -> None:
        """Continues from the clock of a checkpoint, by the plan of now."""
        before = IgniteArguments.loaded(loaded.get("arguments"))
        # With another loader, epochs of the checkpoint's length are not what the run was planned with: it is compared
        # first with what it is.
        other = before is not None and before.batches != run.arguments.batches
        self.driver.continue_run(
            run.of_data if other else run.plan,
            loaded["clock"],
            padding=run.padding,
            pending=pending,
            strict=self._strict,
        )

    def _pending(self, engine: Engine, run: Planned) -> Pending:
        """What becomes of a window that is open: it ends by the iteration, or by the batch in the epoch."""
        segment, iteration = run.plan.segments[-1], engine.state.iteration
        if segment.boundary != "carry" and engine.state.epoch_length is not None:
            iteration %= engine.state.epoch_length
        return int(iteration % segment.accumulate)

    def _begin_without_a_clock(self, engine: Engine, run: Planned) -> None:
        """The checkpoint has no clock: the run is where the engine says, which may be wrong."""
        clock, place = self.clock, place_of(engine, run)
        if self._strict:
            raise TimelineError(
                f"{clock.name}: the checkpoint has no clock, so whether Ignite goes on at the right sample is not "
                'known: mismatch="warn" accepts that'
            )
        clock.warn(
            f"the checkpoint has no clock: it counts from where Ignite takes the run to be (epoch {place.epoch}, batch "
            f"{place.batch}, indices from 0), which is right if batch size, accumulation and ranks are those of the "
            "checkpoint, and no epoch was left early"
        )
        try:
            clock.move_to(f"{engine.state.iteration}ba")
        except (TimelineError, IndexError):
            # Inside a window, or at a place that the plan does not know.
            clock.begin_epoch(place.epoch, batch=place.batch, tell=False)

    def _check(self, engine: Engine, run: Planned, loaded: Mapping[str, Any] | None) -> ResumeCheck:
        """Says where Ignite goes on, and warns where that is another point than the run has reached.

        Raises:
            TimelineError: it does, and `mismatch` is "raise".
        """
        self._place = place = place_of(engine, run)
        before = None if loaded is None else IgniteArguments.loaded(loaded.get("arguments"))
        check = ignite_check(
            self.clock,
            run.arguments,
            place,
            epochs=run.epochs,
            later=self._later,
            before=before,
            shuffled=run.shuffled,
        )
        self.check = check
        if run.data is not None and check.goes_on.done.unit == "sp":
            run.data.begin(int(check.goes_on.done))
        if not check.agrees:
            if self._strict:
                raise TimelineError(f"{self.clock.name}: {check}")
            self.clock.warn(str(check))
        return check

    # --- an epoch ---

    def _start_epoch(self, engine: Engine) -> None:
        """An epoch begins, or is entered where the engine goes on."""
        clock, place = self.clock, self._place
        self._place = None
        wanted = engine.state.epoch - 1 + self._later
        try:
            if place is None or self.check is None:
                self.driver.begin_epoch(wanted)
                return
            point = {} if place.start == "continues" else {"batch": place.skipped}
            self._ends_early = self.check.ends_at is not None
            if wanted < clock.position.epoch - (clock.in_epoch and clock.position.iter == 0):
                clock.restart_epoch(wanted, **point, tell=False)
                self._later = clock.position.epoch - engine.state.epoch + 1
            else:
                self.driver.begin_epoch(wanted, **point, tell=False)
        except TimelineError as error:
            clock.warn(f"{error}; it counts on from where it is")
            if not clock.in_epoch:
                self.driver.begin_epoch()

    def _begin_data(self) -> None:
        """The loader begins anew."""
        if self._planned is not None and self._planned.data is not None:
            self._planned.data.begin()

    def _leave_epoch(self, *_args: Any, **_options: Any) -> None:
        """The epoch is left after the batch at hand, and the loader begins anew."""
        self._warn_of_open_batch()
        self.driver.end_epoch(cut=True)
        self._begin_data()

    def _end_epoch(self) -> None:
        """The epoch is over; it may have been left before."""
        self._warn_of_open_batch()
        self.clock.settle_updates()
        if self._ends_early:
            self.driver.end_epoch(leaves_out=True)
        elif self.clock.in_epoch:
            shape = self._planned.plan.segments[-1].batches if self._planned is not None else None
            self.driver.end_epoch(cut=shape is not None and 0 < self.clock.position.iter < shape)
        self._ends_early = False

    def _terminate(self) -> None:
        """The run ends inside an epoch, which stays open: a checkpoint of it is inside."""
        self._warn_of_open_batch()
        self._terminated = True
        self.driver.end_run()

    def _end(self) -> None:
        self.clock.settle_updates()
        self.driver.end_run()

    # --- a batch ---

    def _count(self, engine: Engine) -> None:
        """Counts the batch at hand, before its update."""
        self._open = True
        self._iteration = engine.state.iteration
        data = self._planned.data if self._planned is not None else None
        if data is not None:
            samples = data.take()
            if samples != data.size or self._partial:
                self._set_size(samples, data.size)
        self.clock.advance_one()

    def _set_size(self, samples: int, size: int) -> None:
        """Plans the size of the batch at hand where it is not that of the plan."""
        clock, planned = self.clock, self.clock.plan.segments[-1]
        if samples != size and planned.samples is not None and planned.samples - int(clock.epoch_done) == samples:
            # The plan has it there.
            return
        self._partial = samples != size
        if planned.samples is None and planned.batches is not None:
            clock.change(batch_size=samples, batches_per_epoch=planned.batches)
        else:
            clock.change(batch_size=samples)

    def _complete(self, engine: Engine) -> None:
        self._open = False
        if self.driver.should_stop:
            engine.terminate()

    def _warn_of_open_batch(self) -> None:
        """A batch was counted, and the engine did not finish its iteration."""
        if self._open:
            self._open = False
            self.clock.warn_once(
                "the last batch",
                "one that the engine trained",
                f"batch {self.clock.batch}, which was counted and whose iteration did not end",
                "end an epoch or a run in ITERATION_COMPLETED; an exception that a handler takes ends one before",
            )
