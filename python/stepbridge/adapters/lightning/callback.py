"""The callback that counts what the Trainer trains on.

What Lightning does (seen on 2.4 to 2.6):

- each batch brings `on_train_batch_start`, unless it is None. One that is trained brings `on_train_batch_end`, and
  before that `on_before_backward` or `on_before_optimizer_step` where there is a loss or an update. It is counted in
  the first of these, before the update and the scheduler. A batch that is refused with -1 brings none of them;
- an epoch that is resumed has no `on_train_epoch_start`, and one after a checkpoint of its last batch has none either:
  an epoch begins with its first batch;
- `trainer.is_last_batch` is known before the batch, also over a stream; between two epochs it is stale;
- a window ends where the index of a batch in its epoch is a multiple, counted on from the checkpoint, and with the last
  batch. A resumed epoch that begins its data again ends before the data does;
- `global_step` counts the calls of every optimizer, also those that a scaler skipped;
- between two epochs `GradientAccumulationScheduler` sets another accumulation, `reload_dataloaders_every_n_epochs`
  makes the loaders anew, and `fit_loop.max_epochs` may be another number. In an epoch that is resumed in its middle
  the scheduler sets nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary, ref

import lightning
from lightning.pytorch import Callback

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import LogStep, LoopDriver, check_mismatch, clock_or_options
from stepbridge.adapters.lightning.planning import Planned, planned
from stepbridge.adapters.lightning.reporting import Reporting
from stepbridge.adapters.torch import watch
from stepbridge.checkpoints import STATE_KEY, LightningArguments, LightningPlace, goes_on_at, lightning_check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepbridge.adapters.torch import Watch
    from stepbridge.checkpoints import ResumeCheck
    from stepbridge.clock import StepClock
    from stepbridge.timeline import Pending, UnitLike

__all__ = ["ClockCallback"]

_VERSION = tuple(map(int, re.findall(r"\d+", lightning.__version__)[:2]))
#: Which callback keeps a clock while it trains.
_KEEPERS: WeakKeyDictionary[StepClock, ref[ClockCallback]] = WeakKeyDictionary()


class ClockCallback(Callback):  # type: ignore[misc]  # mypy does not read Lightning
    """Keeps a clock in step with `Trainer.fit`.

    The sizes of epochs and batches, the ranks and the accumulation are the Trainer's. The clock is saved in each of its
    checkpoints, and a resume is checked before the first batch is trained: where Lightning goes on at another sample
    than the run has reached, or leaves out data, the difference, its cause and a remedy are a warning, or an error.
    After the warning the clock counts on what is really trained.

    Args:
        clock: the clock to keep; without one it makes its own, `callback.clock`.
        log_step: what the loggers get as step: "sample", "step", "batch", "token" or "epoch"; None leaves it to
            Lightning.
        mismatch: what a resume at another sample is: a warning, or an error before anything is trained.
        options: for a clock of its own, those of `StepClock`: `until`, `ledger`, `name`, or sizes that nobody knows, as
            `samples` and `batch_size` of a stream.

    Raises:
        TypeError: not a clock.
        TimelineError: a clock and options for one; another word for `mismatch`; when training begins: the clock is in
            use already, or the resume is refused.

    Warns:
        StepbridgeWarning: a resume goes on at another sample, or the checkpoint has no clock.
    """

    def __init__(
        self,
        clock: StepClock | None = None,
        *,
        log_step: UnitLike | None = None,
        mismatch: Literal["warn", "raise"] = "warn",
        **options: Any,
    ) -> None:
        #: Whether something is to be done after a batch: a clock of the user's may have an end of its own.
        self._acts = clock is not None or options.get("until") is not None or log_step is not None
        clock = clock_or_options(clock, options)
        check_mismatch(mismatch)
        self.driver = LoopDriver(clock)
        self.clock = clock
        self.mismatch = mismatch
        self.check: ResumeCheck | None = None
        """Where the last resume went on, next to where the run was; None where training began anew."""
        self.is_last_batch = False
        """Whether the batch at hand is the last one of its epoch, as the Trainer knows it."""
        stated = clock.plan.segments
        self._stated = stated[0] if len(stated) == 1 else None
        self._reporting = None if log_step is None else Reporting(LogStep(clock, log_step))
        self._planned: Planned | None = None
        self._watches: list[Watch] = []
        #: What a checkpoint brought, until training begins.
        self._loaded: Mapping[str, Any] | None = None
        #: Where that was, until its first batch.
        self._resumed: LightningPlace | None = None
        self._before: LightningArguments | None = None
        #: By how many epochs the clock's index is above the Trainer's.
        self._later = 0
        #: Batches of the first window that count as done, as Lightning was expected to go on.
        self._phase = 0
        #: The index of the epoch's batch that was begun last, as Lightning numbers them; -1 before the first.
        self._index = -1
        #: The index from which on a batch may be the first or the last one of its epoch.
        self._look = -1
        #: Whether a batch is begun and not counted; whether one of the epoch was begun.
        self._open = self._begun = False
        #: The clock's batches when the epoch began.
        self._first = 0
        #: Whether the running epoch ends before its data does.
        self._ends_early = False

    # --- the run ---

    @property
    def state_key(self) -> str:
        """Its name in a checkpoint; a Trainer refuses a second one."""
        return STATE_KEY

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """A checkpoint is loaded after this."""
        self._loaded = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self._take_over()
        self._open = self._begun = self._ends_early = self.is_last_batch = False
        self._index = self._look = -1
        self.check, self._resumed, self._before = None, None, None
        loaded, self._loaded = self._loaded, None
        # A finder of a rate or a batch size saved it before training began, and put all back.
        put_back = loaded is not None and loaded.get("arguments", {}) is None
        loaded = None if put_back else loaded
        clock = self.clock
        if loaded is None:
            # What was trained before stays; another fit begins with a new epoch.
            self.driver.end_epoch(cut=True)
            self._later = clock.position.epoch - trainer.current_epoch if clock.batch else 0
        else:
            self._later = _whole(loaded.get("later"))
        run = planned(trainer, later=self._later, stated=self._stated)
        self._planned = run
        if loaded is None:
            self.driver.begin_run(run.plan, padding=run.padding, pending="drop" if clock.batch else None)
            if trainer.ckpt_path is not None and not clock.batch and not put_back:
                self._begin_without_a_clock(trainer)
        else:
            self._restore(trainer, run, loaded)
        for optimizer in trainer.optimizers:
            self._watch(optimizer, getattr(trainer.precision_plugin, "scaler", None))
        if self._reporting is not None:
            self._reporting.step.record("lightning.Trainer")

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx >= self._look:
            self._look_at(trainer, batch_idx)
        self._open, self._index = True, batch_idx

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
        if self._open:
            clock = self.clock
            if self.is_last_batch:
                self._count()
            elif clock.closes_step or clock.hooks:
                self._open = False
                clock.advance_one()
            else:
                # No update of the batch before is to be settled, and nothing else follows the clock.
                self._open = False
                if not clock.count_one():
                    clock.note_longer()

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        if self._open:
            self._count()

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self._open:
            self._count()
        if self._acts:
            if self.driver.should_stop:
                trainer.should_stop = True
            if self._reporting is not None:
                self._reporting.batch(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if self._reporting is not None and not trainer.sanity_checking:
            self._reporting.epoch(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self.clock.settle_updates()
        inside = self._begun and self.clock.batch > self._first
        if self._reporting is not None and inside:
            self._reporting.epoch(trainer, pl_module)
        if not inside:
            self._end_empty_epoch(trainer)
        elif self._ends_early:
            self.driver.end_epoch(leaves_out=True)
        else:
            self.driver.end_epoch(cut=not self.is_last_batch)
        if self._ends_early and self._planned is not None:
            # For its last window the clock's accumulation was another one.
            self.clock.replan(self._planned.plan)
        self._begun = self._ends_early = self.is_last_batch = False
        self._index = self._look = -1

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self.clock.settle_updates()
        self.driver.end_run()
        _KEEPERS.pop(self.clock, None)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self.driver.end_run()
        _KEEPERS.pop(self.clock, None)

    # --- the checkpoint ---

    def state_dict(self) -> dict[str, Any]:
        run = self._planned
        return {
            "clock": self.driver.state(),
            "later": self._later,
            "place": LightningPlace(self._index + 1, self.is_last_batch, run is not None and run.stateful)._asdict(),
            "arguments": None if run is None else run.arguments._asdict(),
            "batches": None if run is None else run.batches,
            "epochs": None if run is None else run.epochs,
            "shuffled": run is not None and run.shuffled,
            "limited": run is not None and run.limited,
            "reads_ahead": run is not None and run.reads_ahead,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._loaded = state_dict

    # --- beginning ---

    def _take_over(self) -> None:
        """Takes the clock for this run.

        Raises:
            TimelineError: another callback has it.
        """
        keeper = _KEEPERS.get(self.clock)
        if keeper is not None and keeper() not in (None, self):
            raise TimelineError(
                f"{self.clock.name}: another ClockCallback keeps this clock while its Trainer trains: "
                "give each Trainer a clock of its own"
            )
        _KEEPERS[self.clock] = ref(self)

    def _restore(self, trainer: Any, run: Planned, loaded: Mapping[str, Any]) -> None:
        """Continues from the clock of a checkpoint, by the plan of now."""
        place = LightningPlace.loaded(loaded.get("place"))
        state = loaded.get("clock")
        if place is None or not isinstance(state, dict):
            raise TimelineError(
                f"{self.clock.name}: the clock's entry in the checkpoint is damaged: it was not written by "
                "ClockCallback"
            )
        if _VERSION < (2, 6) and place.ready:
            self.clock.warn(
                f"Lightning {lightning.__version__} resumes inside an epoch in another way than 2.6, with which this "
                "is tested: what the clock counts after it may be wrong; resume from the end of an epoch"
            )
        self._resumed = place = place._replace(stateful=place.stateful and run.stateful)
        self._before = LightningArguments.loaded(loaded.get("arguments"))
        later, index = goes_on_at(place, run.batches)
        # Its windows end by the index of the batch, which goes on from the checkpoint; their gradients are lost.
        self._phase = index % run.arguments.accumulate_grad_batches
        pending: Pending = "drop" if place.last or not place.ready else self._phase
        self.driver.continue_run(run.plan, state, padding=run.padding, pending=pending, strict=self.mismatch == "raise")
        if later > 1:
            # Nothing is trained in the epoch that Lightning skips, so this is the place to refuse it.
            epoch = self.clock.position.epoch - self._later + 1
            self._check(trainer, (epoch, index))

    def _begin_without_a_clock(self, trainer: Any) -> None:
        """The checkpoint has no clock: the run is where Lightning goes on, which may be wrong."""
        clock, epoch = self.clock, trainer.current_epoch
        if self.mismatch == "raise":
            _KEEPERS.pop(clock, None)
            raise TimelineError(
                f"{clock.name}: the checkpoint has no clock, so whether Lightning goes on at the right sample is not "
                'known: mismatch="warn" accepts that'
            )
        clock.warn(
            f"the checkpoint has no clock: it counts from the start of epoch {epoch} (an index from 0), which is "
            "right if the checkpoint was saved at the end of an epoch, with the batch size, accumulation and ranks "
            "of now"
        )
        if epoch:
            if self._planned is not None and self._planned.batches is not None:
                clock.move_to(f"{epoch}ep")
            else:
                clock.begin_epoch(epoch, tell=False)

    def _check(self, trainer: Any, first: tuple[int, int]) -> None:
        """Says where Lightning goes on at another point than the run has reached.

        Raises:
            TimelineError: it does, and `mismatch` is "raise".
        """
        run, place = self._planned, self._resumed
        if run is None or place is None or self.check is not None:
            return
        check = lightning_check(
            self.clock,
            run.arguments,
            first,
            place=place,
            stateful=place.stateful,
            batches=run.batches,
            epochs=run.epochs,
            later=self._later,
            before=self._before,
            shuffled=run.shuffled,
            reads_ahead=run.reads_ahead,
        )
        self.check = check
        if check.agrees:
            return
        if self.mismatch == "raise":
            _KEEPERS.pop(self.clock, None)
            raise TimelineError(f"{self.clock.name}: {check}")
        self.clock.warn(str(check))

    def _watch(self, optimizer: Any, scaler: Any) -> None:
        """Counts the real updates of an optimizer."""
        optimizer = getattr(optimizer, "optimizer", optimizer)
        if all(watched.optimizer is not optimizer for watched in self._watches):
            self._watches.append(watch(self.clock, optimizer, scaler))

    # --- a batch ---

    def _begin_epoch(self, trainer: Any, index: int) -> None:
        """The first batch of an epoch: it begins here, or is entered where Lightning goes on."""
        self._plan_again(trainer)
        clock, run, place = self.clock, self._planned, self._resumed
        wanted = trainer.current_epoch + self._later
        again = False
        if place is not None and run is not None:
            self._check(trainer, (trainer.current_epoch, index))
            again = clock.in_epoch and clock.position.epoch == wanted and not place.stateful
            self._ends_early = index > 0 and not place.stateful and run.batches is not None
        batch = 0 if again else None
        if place is not None and run is not None and place.stateful and run.reads_ahead and clock.resumed_inside:
            # The one that was read ahead is never trained.
            batch = clock.position.iter + 1
        try:
            if place is not None and wanted < clock.position.epoch:
                # With max_steps: an epoch that ended, as one of the epochs that are to come.
                clock.restart_epoch(wanted, batch=0, tell=False)
                self._later = clock.position.epoch - trainer.current_epoch
            else:
                self.driver.begin_epoch(wanted, batch=batch, tell=place is None)
        except TimelineError as error:
            clock.warn(f"{error}; it counts on from where it is")
            self.driver.begin_epoch()
        if run is not None and place is not None:
            phase = index % run.arguments.accumulate_grad_batches
            if phase != self._phase or (place.last and phase):
                self.driver.begin_run(run.plan, pending=phase)
        self._resumed, self._first = None, clock.batch
        number = trainer.num_training_batches
        # Over a stream the Trainer learns the last batch from the data, so that each may be it.
        self._look = -1 if number == float("inf") else int(number) - 1

    def _plan_again(self, trainer: Any) -> None:
        """Follows what the Trainer trains from this epoch on, where that is something else than before."""
        before = self._planned
        if before is None:
            return
        self._planned = now = planned(trainer, later=self._later, stated=self._stated)
        if (now.plan, now.padding) != (before.plan, before.padding):
            self.driver.begin_run(now.plan, padding=now.padding)

    def _look_at(self, trainer: Any, index: int) -> None:
        """A batch that may be the first or the last one of its epoch."""
        if not self._begun:
            self._begun = True
            self._begin_epoch(trainer, index)
        if self._look < 0:
            self.is_last_batch = bool(trainer.is_last_batch)
        elif index >= self._look:
            # Past it is the one more that Lightning trains of an epoch that ended, with max_steps.
            self.is_last_batch = True

    def _count(self) -> None:
        """Counts the batch at hand, before its update."""
        self._open = False
        if not self.is_last_batch:
            self.clock.advance()
            return
        if self._ends_early and self._planned is not None:
            short = (self._index + 1) % self._planned.arguments.accumulate_grad_batches
            if short:
                # The clock plans more of this epoch's data; Lightning ends its window here.
                self.clock.change(accumulate=short, pending=short - 1)
        self.clock.advance(last=True)

    def _end_empty_epoch(self, trainer: Any) -> None:
        """The epoch had no batch: its first one was refused, or Lightning skipped it."""
        if self._begun:
            self.driver.end_epoch(cut=True)
            return
        epoch = trainer.current_epoch
        if self.check is None:
            self.clock.warn(
                f"Lightning ended epoch {epoch} (an index from 0) without a batch: none of its data is trained"
            )
        self.driver.begin_epoch(epoch + self._later, tell=False)
        self.driver.end_epoch(leaves_out=True)
        self._resumed = None


def _whole(later: object) -> int:
    return later if type(later) is int else 0
