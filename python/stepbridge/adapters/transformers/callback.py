"""The callback that counts what the Trainer trains on.

What the Trainer does (seen on 4.46 to 5.24), and what is made of it:

- each batch brings one of `on_substep_end` and `on_pre_optimizer_step`, which is the one that closes a window. There
  it is counted, before the update and before the scheduler. `on_optimizer_step` follows the update, also one that was
  skipped;
- an epoch may bring no batch (a resume over a stream leaves all of them out), so that one begins with its first batch;
- the Trainer saves, evaluates and logs after `on_step_end` and `on_epoch_end` only, where `control` says so;
- `train()` a second time, and `auto_find_batch_size` after it ran out of memory, begin at `global_step` 0 again with
  the weights as they are: the clock goes on with further epochs, as that is what was trained. With `model_init` the
  weights are new;
- where `auto_find_batch_size` runs out of memory in a run that was resumed, the Trainer takes the checkpoint's step
  again, and not its weights;
- `num_input_tokens_seen` moves before the batch is reported, and counts the copies of other ranks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary, WeakSet, ref

from torch.optim import Optimizer
from transformers import TrainerCallback

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import LogStep, LoopDriver, check_mismatch, clock_or_options
from stepbridge.adapters.torch import watch
from stepbridge.adapters.transformers.driving import Driving
from stepbridge.adapters.transformers.live_state import LiveState
from stepbridge.adapters.transformers.planning import VERSION, Planned, order_of, planned
from stepbridge.adapters.transformers.weights import TrainedWeights
from stepbridge.checkpoints import (
    STATE_KEY,
    ResumeCheck,
    TrainerArguments,
    TrainerOrder,
    TrainerRun,
    attributes_of,
    trainer_check,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from stepbridge.adapters.torch import Watch
    from stepbridge.clock import StepClock
    from stepbridge.timeline import QuantityLike

    class Follower(Protocol):
        """What follows the clock from the beginning of training on."""

        def begin(self, *, ends_inside: bool) -> None: ...


__all__ = ["ClockCallback"]

#: Which callback keeps a clock while it trains.
_KEEPERS: WeakKeyDictionary[StepClock, ref[ClockCallback]] = WeakKeyDictionary()
#: What the ledger calls what gives the reporters their step.
_NAME = "transformers.Trainer"
_AGAIN = "auto_find_batch_size ran out of memory and takes the checkpoint's step again, with the weights as they are"


class ClockCallback(TrainerCallback):  # type: ignore[misc]  # mypy does not read Transformers
    """Keeps a clock in step with `Trainer.train`, and drives the Trainer in any unit.

    The sizes of epochs and batches, the ranks and the accumulation are the Trainer's. The clock is saved in each of
    its checkpoints, and a resume is checked before the first batch: where the Trainer goes on at another sample than
    the run has reached, the difference, its cause and a remedy are a warning, or an error. After the warning the clock
    counts on what is really trained.

    Args:
        clock: the clock to keep; without one it makes its own, `callback.clock`.
        save: how often to save, in any unit ("1ep"), in place of `save_strategy`; None leaves it to the arguments.
        evaluate: how often to evaluate, in place of `eval_strategy`.
        log: how often to log, in place of `logging_strategy`.
        mismatch: what a resume at another sample is: a warning, or an error before anything is trained.
        options: for a clock of its own, those of `StepClock`: `until`, `ledger`, `name`, or sizes that nobody knows, as
            `samples` and `batch_size` of a stream.

    Raises:
        TypeError: not a clock.
        TimelineError: a clock and options for one; another word for `mismatch`; when training begins: the clock or the
            callback is in use already, or the resume is refused.

    Warns:
        StepbridgeWarning: a resume goes on at another sample, or the checkpoint has no clock.
    """

    def __init__(
        self,
        clock: StepClock | None = None,
        *,
        save: QuantityLike | None = None,
        evaluate: QuantityLike | None = None,
        log: QuantityLike | None = None,
        mismatch: Literal["warn", "raise"] = "warn",
        **options: Any,
    ) -> None:
        clock = clock_or_options(clock, options)
        check_mismatch(mismatch)
        self.mismatch = mismatch
        self.driver, self.clock = LoopDriver(clock), clock
        self.check: ResumeCheck | None = None
        """Where the last resume went on, next to where the run was; None where training began anew."""
        self.begun = False
        """Whether training has begun, so that the clock knows the sizes."""
        planned_by_author = clock.plan.segments
        self._stated = planned_by_author[0] if len(planned_by_author) == 1 else None
        self._driving = Driving(clock, save=save, evaluate=evaluate, log=log)
        self._followers: WeakSet[Follower] = WeakSet()
        self._advance = clock.advance
        self._watch: Watch | None = None
        self._planned: Planned | None = None
        #: What the order of the epoch at hand follows from.
        self._order = TrainerOrder()
        self._weights = TrainedWeights()
        self._state: Any = None
        self._args: Any = None
        #: By how many epochs the clock's index is above the Trainer's, and by how many steps its count is.
        self._later = self._step_gap = 0
        #: The Trainer's epoch at hand, and the batches that it leaves out of its first one.
        self._epoch = 0
        self._left_out: int | None = None
        self._inside = False
        #: The Trainer's count of tokens, where it counts them.
        self._tokens: int | None = None

    def follow(self, follower: Follower) -> None:
        """Begins a schedule, or what else follows the clock, where training begins."""
        self._followers.add(follower)

    # --- the run ---

    def on_train_begin(  # noqa: PLR0917 - the Trainer's own order
        self,
        args: Any,
        state: Any,
        control: Any,
        train_dataloader: Any = None,
        optimizer: Any = None,
        model: Any = None,
        **_: Any,
    ) -> Any:
        again = self._args is args and bool(getattr(args, "auto_find_batch_size", False)) and self.clock.batch > 0
        self._take_over(args, state)
        attributes = attributes_of(state.stateful_callbacks)
        resumed = state.global_step > 0
        saved = attributes if resumed else None
        if again and resumed:
            now = planned(train_dataloader, args, state.num_train_epochs, later=0, stated=self._stated)
            again = now.has_smaller_batches_than(self._planned)
        if again and resumed:
            # The weights are those that ran out of memory, and not the checkpoint's.
            saved = None
        if self._weights.are_others(model) and saved is None and self.clock.batch:
            self.clock.warn(
                "the Trainer trains another model from here on, as model_init makes one for each train(), and "
                f"{self.clock.batch} batches of an earlier one are counted: give each train() a callback of its own"
            )
        if saved is None and self.clock.batch and not resumed:
            self._go_on_anew()
        elif saved is not None:
            self._later = _whole(saved.get("later"))
        run = planned(train_dataloader, args, state.num_train_epochs, later=self._later, stated=self._stated)
        self._planned = run
        if saved is None:
            self.driver.begin_run(run.plan, padding=run.padding, pending="drop" if self.clock.batch else None)
        else:
            state_of_clock = _mapping(saved.get("clock"), self.clock)
            strict = self.mismatch == "raise"
            self.driver.continue_run(run.plan, state_of_clock, padding=run.padding, strict=strict)
        self._epoch, self._left_out, self.check = 0, None, None
        self._order = order_of(train_dataloader, args)
        if resumed:
            self._check_resume(run, args, state, saved, again=again)
        self._step_gap = self.clock.step - state.global_step
        self._tokens = self._tokens_from(args, state, run)
        self._watch_updates(optimizer)
        state.stateful_callbacks[STATE_KEY] = {"args": {}, "attributes": LiveState(self._saved)}
        if not self._step_gap:
            LogStep(self.clock, "step").record(_NAME)
        self.begun = True
        self._driving.begin()
        for follower in self._followers:
            follower.begin(ends_inside=run.plan.steps not in (None, state.max_steps + self._step_gap))
        self._epoch -= 1  # on_epoch_begin comes before each
        return control

    def on_epoch_begin(self, args: Any, state: Any, control: Any, train_dataloader: Any = None, **_: Any) -> Any:
        self._epoch += 1
        self._order = order_of(train_dataloader, args)
        return control

    def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not self._inside:
            self._enter()
        self._advance()
        if self._tokens is not None:
            # They are those of the batch that was just counted.
            self._count_tokens(state)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not self._inside:
            self._enter()
        self._advance()
        if self._tokens is not None:
            # They are those of the batch that was just counted.
            self._count_tokens(state)

    def on_optimizer_step(
        self,
        args: Any,
        state: Any,
        control: Any,
        optimizer: Any = None,
        **_: Any,
    ) -> None:
        skipped = bool(getattr(optimizer, "step_was_skipped", False))
        if self._watch is None:
            self.driver.update(applied=not skipped)
        elif skipped:
            self._watch.updates.skip()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        if self.driver.should_stop:
            control.should_training_stop = True
        self._driving.drive(control)
        return control

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        if not self._inside:
            # The Trainer left out all that the epoch had; in the next one it leaves out nothing.
            self._left_out = None if self._left_out is None else 0
            return control
        self._inside = False
        clock = self.clock
        whole = clock.in_epoch and clock.position.iter == 0
        # An epoch in which the Trainer stops stays open: a resume goes on inside it.
        if whole or not control.should_training_stop:
            self.driver.end_epoch(cut=control.should_epoch_stop)
            self._driving.drive(control)
        return control

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        hint = "does something else move it?"
        self.driver.compare("state.global_step", state.global_step, self.clock.step - self._step_gap, hint)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.clock.settle_updates()
        self.driver.end_run()
        _KEEPERS.pop(self.clock, None)
        self._state = self._args = None

    # --- beginning ---

    def _take_over(self, args: Any, state: Any) -> None:
        """Takes the clock for this run of the Trainer.

        Raises:
            TimelineError: the clock, or this callback, is in use already.
        """
        clock = self.clock
        keeper = _KEEPERS.get(clock)
        if keeper is not None and keeper() not in (None, self):
            raise TimelineError(
                f"{clock.name}: another ClockCallback keeps this clock while its Trainer trains: "
                "give each Trainer a clock of its own"
            )
        if self._state is state:
            raise TimelineError(
                f"{clock.name}: this ClockCallback is twice in the Trainer's callbacks, so each batch would count "
                "twice: give it once"
            )
        if self._args is not None and self._args is not args:
            raise TimelineError(
                f"{clock.name}: this ClockCallback is in use by another Trainer, which has not ended: "
                "give each Trainer a callback of its own"
            )
        entry = attributes_of(state.stateful_callbacks)
        if isinstance(entry, LiveState):
            raise TimelineError(
                f"{clock.name}: the Trainer has another ClockCallback already, and a checkpoint holds one clock: "
                "give one of them"
            )
        _KEEPERS[clock] = ref(self)
        self._state, self._args, self._inside = state, args, False

    def _go_on_anew(self) -> None:
        """The Trainer begins at its step 0 with weights that were trained before."""
        self.driver.end_epoch(cut=True)
        self._later = self.clock.position.epoch

    def _check_resume(
        self, planned: Planned, args: Any, state: Any, saved: Mapping[str, Any] | None, *, again: bool
    ) -> None:
        """Says where the Trainer goes on at another point than the run has reached.

        Raises:
            TimelineError: it does, and `mismatch` is "raise".
        """
        run = TrainerRun(
            planned.arguments,
            planned.batches,
            planned.samples,
            planned.batch_size,
            planned.epochs,
            state.global_step,
            state.max_steps,
            VERSION,
            skips_data=not args.ignore_data_skip,
            order=self._order,
            seed_name="seed" if args.data_seed is None else "data_seed",
        )
        first = self._epoch, self._left_out = run.first
        if saved is None and not self.clock.batch:
            self._begin_without_a_clock(planned, first)
            return
        before = None if saved is None else TrainerArguments.loaded(_mapping(saved.get("arguments"), self.clock))
        check = trainer_check(
            self.clock,
            run,
            later=self._later,
            before=before,
            order=None if saved is None else TrainerOrder.loaded(saved),
            cause=_AGAIN if again else "",
        )
        self.check = check
        if check.agrees:
            return
        if self.mismatch == "raise":
            _KEEPERS.pop(self.clock, None)
            self._state = self._args = None
            raise TimelineError(f"{self.clock.name}: {check}")
        self.clock.warn(str(check))

    def _begin_without_a_clock(self, run: Planned, first: tuple[int, int]) -> None:
        """The checkpoint has no clock: the run is where the Trainer goes on, which may be wrong."""
        clock = self.clock
        if self.mismatch == "raise":
            raise TimelineError(
                f"{clock.name}: the checkpoint has no clock, so whether the Trainer goes on at the right sample is not "
                'known: mismatch="warn" accepts that'
            )
        epoch, skipped = first
        clock.warn(
            f"the checkpoint has no clock: it counts from where the Trainer goes on (epoch {epoch}, batch {skipped}, "
            "indices from 0), which is right if batch size, accumulation and ranks are those of the checkpoint"
        )
        if run.batches is not None:
            clock.move_to(f"{epoch * run.batches + skipped}ba")
        elif skipped:
            clock.begin_epoch(epoch, tell=False)

    def _tokens_from(self, args: Any, state: Any, run: Planned) -> int | None:
        """The Trainer's count of tokens, where it says what really passes."""
        how = getattr(args, "include_num_input_tokens_seen", False)
        if how in (False, "no") or run.plan.tokens_per_sample is not None:
            return None
        if run.padding:
            self.clock.warn_once(
                "state.num_input_tokens_seen",
                "the tokens of the data",
                f"those of {run.padding} copies in each epoch as well",
                "the clock counts no tokens here",
            )
            return None
        return int(state.num_input_tokens_seen)

    def _watch_updates(self, optimizer: Any) -> None:
        """Counts the real updates; where there is no PyTorch optimizer, the Trainer's word is taken."""
        inner = getattr(optimizer, "optimizer", optimizer)
        watched = self._watch
        if watched is not None:
            if watched.optimizer is inner:
                return
            watched.remove()
            self._watch = None
        if isinstance(inner, Optimizer) and hasattr(inner, "register_step_post_hook"):
            self._watch = watch(self.clock, inner, name="optimizer")

    # --- a batch ---

    def _enter(self) -> None:
        """The first batch of an epoch: it begins here, or is entered where the Trainer goes on."""
        self._inside = True
        left_out, self._left_out = self._left_out, None
        clock, wanted = self.clock, self._epoch + self._later
        if left_out is None:
            self.driver.begin_epoch()
            return
        try:
            if wanted < clock.position.epoch:
                clock.restart_epoch(wanted, batch=left_out, tell=False)
                self._later = clock.position.epoch - self._epoch
            else:
                self.driver.begin_epoch(wanted, batch=left_out, tell=False)
        except TimelineError as error:
            clock.warn(f"{error}; it counts on from where it is")
            if not clock.in_epoch:
                self.driver.begin_epoch()

    def _count_tokens(self, state: Any) -> None:
        now = int(state.num_input_tokens_seen)
        if self._tokens is not None:
            self.clock.add_tokens(now - self._tokens)
        self._tokens = now

    def _saved(self) -> dict[str, Any]:
        """What goes into a checkpoint."""
        arguments = {} if self._planned is None else self._planned.arguments.saved()
        return {
            "clock": self.driver.state(),
            "later": self._later,
            "arguments": arguments,
            "transformers": list(VERSION),
            "seed": self._order.seed,
            "order": self._order.drawn,
        }


def _whole(later: object) -> int:
    return later if type(later) is int else 0


def _mapping(value: object, clock: StepClock) -> Mapping[str, Any]:
    """Returns a part of the clock's entry.

    Raises:
        TimelineError: it is damaged.
    """
    if not isinstance(value, dict):
        raise TimelineError(
            f"{clock.name}: the clock's entry in the checkpoint is damaged: expected an object, not "
            f"{type(value).__name__}: it was not written by ClockCallback"
        )
    return value
