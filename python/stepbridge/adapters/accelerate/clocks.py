"""The clock of a loop over a prepared loader.

What Accelerate does (seen on 1.0 and 1.15):

- `accumulate()` counts its own entries, and syncs where the count is a multiple, or the loader at hand is at its end.
  The count goes on where an epoch is left, and is 0 after the last batch;
- with `sync_with_dataloader=False` a window goes on in the next epoch;
- two entries in a batch count twice; and a loader that is left with `break` inside the training epoch stays the one
  at hand, so that the end of the training loader is never seen again. In both the windows are not those of the plan;
- `save_state` keeps the count, so that a resume inside a window goes on with it; the gradients are lost;
- with `use_stateful_dataloader=True` it keeps the batches that the loader yielded, and no samples: with another batch
  size a loader goes on after so many batches of the new size;
- `skip_first_batches(loader, n)` leaves out n batches of the loader that it is given, whatever was trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary, ref

from accelerate.data_loader import DataLoaderDispatcher, DataLoaderShard

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import LoopDriver, check_mismatch
from stepbridge.adapters.torch import loader_sizes
from stepbridge.checkpoints import (
    ACCELERATE_ARGUMENTS,
    ACCELERATE_KEY,
    AccelerateArguments,
    skip_check,
    stateful_check,
)
from stepbridge.clock import StepClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepbridge.adapters.base import ResumeCheck
    from stepbridge.timeline import Exact

__all__ = ["clock_for"]

_HINT = (
    "a loader that is left with break inside the epoch hides the end of the training loader, and each accumulate() in "
    "a batch counts: evaluate between the epochs, and give several models to one accumulate(a, b)"
)
#: What saves a clock with an accelerator: one for each loader.
_SAVED: WeakKeyDictionary[Any, list[_Saved]] = WeakKeyDictionary()


def clock_for(
    accelerator: Any,
    loader: Any,
    *,
    epochs: int | None = None,
    mismatch: Literal["warn", "raise"] = "warn",
    **options: Any,
) -> StepClock:
    """Makes the clock for a prepared loader, and registers it for `accelerator.save_state` and `load_state`.

    The sizes are those of all ranks; the accumulation is the accelerator's. Where the accelerator then synchronises in
    other batches than the plan closes a step in, the clock warns, once.

    Args:
        accelerator: the `Accelerator`.
        loader: what `accelerator.prepare` returned.
        epochs: how many are planned; None leaves the end open.
        mismatch: what it is where `load_state` sets a stateful loader to another sample than the run has reached, or
            where `skip_first_batches` left out other samples than are done: a warning, or an error.
        options: whatever else `StepClock` takes; a size given here is believed in place of the loader's.

    Raises:
        TypeError: not an accelerator, or a loader that was not prepared.
        TimelineError: it is what `skip_first_batches` returned; another word for `mismatch`; in `load_state`: the
            loader goes on at another sample, or the checkpoint is another run's, and `mismatch` is "raise"; in
            `clock.batches` the same of what `skip_first_batches` returned.

    Warns:
        StepbridgeWarning: the loader goes on at another sample; the checkpoint is another run's; the windows of the
            accelerator are not those of the clock.
    """
    if not hasattr(accelerator, "register_for_checkpointing"):
        raise TypeError(f"clock_for takes an accelerate.Accelerator first, not {type(accelerator).__name__}")
    sizes = loader_sizes(loader)
    if not isinstance(loader, (DataLoaderShard, DataLoaderDispatcher)):
        raise TypeError(
            f"clock_for takes a loader that accelerator.prepare returned, not a {type(loader).__name__} that it did "
            "not prepare"
        )
    check_mismatch(mismatch)
    flushes = accelerator.gradient_state.sync_with_dataloader
    given = {
        "accumulate": accelerator.gradient_accumulation_steps,
        "boundary": "flush" if flushes else "carry",
        "on_cut": "carry",
    }
    clock = StepClock(epochs=epochs, **{**given, **sizes, **options})
    _register(clock, accelerator, loader, strict=mismatch == "raise")
    clock.add_hook(_Comparison(clock, accelerator))
    clock.add_entry_check(_Start(clock, strict=mismatch == "raise"))
    return clock


def _register(clock: StepClock, accelerator: Any, loader: Any, *, strict: bool) -> None:
    """Lets the accelerator save the clock, in the place of an earlier one of a loader that is this one, or gone.

    So a cell that runs again, and a batch size that is searched for, leave one clock in the checkpoint.
    """
    kept = _SAVED.setdefault(accelerator, [])
    # What `free_memory` let go is not among them any more.
    prepared = getattr(accelerator, "_dataloaders", None)
    for saved in kept:
        earlier = saved.loader()
        gone = earlier is None or (prepared is not None and all(one is not earlier for one in prepared))
        if gone or earlier is loader:
            saved.follow(clock, loader, strict=strict)
            return
    saved = _Saved(clock, accelerator, loader, strict=strict)
    kept.append(saved)
    accelerator.register_for_checkpointing(saved)


class _Saved:
    """The clock, as the accelerator saves and loads it."""

    def __init__(self, clock: StepClock, accelerator: Any, loader: Any, *, strict: bool) -> None:
        # The accelerator keeps this one; what says which accelerator has it must not keep that.
        self._accelerator = ref(accelerator)
        #: The clock before, and its batches when this one took its place.
        self._before: tuple[ref[StepClock], int] | None = None
        self.follow(clock, loader, strict=strict)

    def follow(self, clock: StepClock, loader: Any, *, strict: bool) -> None:
        """Saves this clock from here on."""
        earlier = getattr(self, "clock", None)
        self._before = None if earlier is None else (ref(earlier), earlier.batch)
        self.clock, self.loader, self.strict = clock, ref(loader), strict
        self.stateful = bool(getattr(loader, "use_stateful_dataloader", False))
        self.dispatches = isinstance(loader, DataLoaderDispatcher)

    def state_dict(self) -> dict[str, Any]:
        """Returns the clock's state, and what a resume by hand depends on."""
        self._look_at_the_earlier_one()
        return {ACCELERATE_KEY: self.clock.state_dict(), ACCELERATE_ARGUMENTS: self._arguments()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from it; the accelerator's own count of the window is loaded before."""
        clock, accelerator = self.clock, self._accelerator()
        LoopDriver(clock).continue_run(
            clock.plan,
            state.get(ACCELERATE_KEY, state),
            pending=0 if accelerator is None else accelerator.step % accelerator.gradient_accumulation_steps,
            strict=self.strict,
        )
        if self.stateful and clock.resumed_inside:
            _tell(clock, stateful_check(clock, clock.plan.segments[-1].batch_size), strict=self.strict)

    def _arguments(self) -> dict[str, Any] | None:
        accelerator, size = self._accelerator(), self.clock.plan.segments[-1].batch_size
        if accelerator is None or size is None:
            return None
        split, ranks = bool(accelerator.split_batches), accelerator.num_processes
        if not split and size % ranks:
            return None
        return AccelerateArguments(
            size if split else size // ranks,
            ranks,
            accelerator.gradient_accumulation_steps,
            split_batches=split,
            dispatches=self.dispatches,
        )._asdict()

    def _look_at_the_earlier_one(self) -> None:
        """Says that the loop counts with a clock whose place another one took."""
        earlier, batches = (None, 0) if self._before is None else (self._before[0](), self._before[1])
        if earlier is not None and earlier.batch != batches:
            self.clock.warn_once(
                "the clock in the checkpoint",
                "the one that clock_for returned last",
                "an earlier one of this loader, which counts on",
                "take the clock that clock_for returned last",
            )


class _Start:
    """Compares where what `skip_first_batches` returned begins with where the run is."""

    def __init__(self, clock: StepClock, *, strict: bool) -> None:
        # The clock keeps its checks; one that kept the clock as well would keep both for good.
        self._clock, self.strict = ref(clock), strict

    def __call__(self, begins: Exact) -> None:
        clock = self._clock()
        if clock is not None:
            _tell(clock, skip_check(clock, begins), strict=self.strict)


def _tell(clock: StepClock, check: ResumeCheck, *, strict: bool) -> None:
    """Says that the data go on at another point of the running epoch than the run has reached.

    Raises:
        TimelineError: that was asked for.
    """
    if check.agrees:
        return
    if strict:
        raise TimelineError(f"{clock.name}: {check}")
    clock.warn(str(check))


class _Comparison:
    """Looks at each batch whether the one before was synchronised where the clock closed a step."""

    def __init__(self, clock: StepClock, accelerator: Any) -> None:
        self.clock, self.accelerator = clock, accelerator
        self._closed: bool | None = None
        #: The accelerator's count at the batch before, and whether it ever moved: a loop may accumulate by hand.
        self._step: int | None = None
        self._counts = False

    def __call__(self) -> None:
        closed, self._closed = self._closed, self.clock.closes_step
        before, self._step = self._step, self.accelerator.step
        self._counts = self._counts or before not in (None, self._step)
        synced = self.accelerator.sync_gradients
        if self._counts and closed is not None and synced != closed:
            self.clock.warn_once("accelerator.sync_gradients", closed, synced, _HINT)
