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
from weakref import ref

from accelerate.data_loader import DataLoaderDispatcher, DataLoaderShard

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import ArgumentChange, LoopDriver, ResumeCheck, ResumePoint, check_mismatch, point_of
from stepbridge.adapters.torch import loader_sizes
from stepbridge.checkpoints import ACCELERATE_KEY, samples_of_epoch
from stepbridge.clock import StepClock
from stepbridge.timeline import Exact

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["clock_for"]

_HINT = (
    "a loader that is left with break inside the epoch hides the end of the training loader, and each accumulate() in "
    "a batch counts: evaluate between the epochs, and give several models to one accumulate(a, b)"
)


_REMEDY = (
    'prepare the loader without use_stateful_dataloader, and take clock.batches(loader, resume="skip"); or resume with '
    "the batch size and the ranks of the checkpoint"
)


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
    accelerator.register_for_checkpointing(_Saved(clock, accelerator, loader, strict=mismatch == "raise"))
    clock.add_hook(_Comparison(clock, accelerator))
    clock.add_entry_check(_Start(clock, strict=mismatch == "raise"))
    return clock


class _Saved:
    """The clock, as the accelerator saves and loads it."""

    def __init__(self, clock: StepClock, accelerator: Any, loader: Any, *, strict: bool) -> None:
        self.clock, self.accelerator, self.strict = clock, accelerator, strict
        self.stateful = bool(getattr(loader, "use_stateful_dataloader", False))

    def state_dict(self) -> dict[str, Any]:
        """Returns the clock's state."""
        return {ACCELERATE_KEY: self.clock.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from it; the accelerator's own count of the window is loaded before."""
        clock, accumulate = self.clock, self.accelerator.gradient_accumulation_steps
        LoopDriver(clock).continue_run(
            clock.plan,
            state.get(ACCELERATE_KEY, state),
            pending=self.accelerator.step % accumulate,
            strict=self.strict,
        )
        if self.stateful and self.clock.resumed_inside:
            self._check()

    def _check(self) -> None:
        """Compares where a stateful loader goes on with where the run is."""
        clock, reached = self.clock, point_of(self.clock)
        planned, batches, done = clock.plan.segments[-1], clock.position.iter, int(reached.done)
        size, unit = planned.batch_size, reached.done.unit
        if size is None or unit != "sp" or done == batches * size:
            return
        _compare(
            clock,
            Exact(batches * size, unit),
            "Accelerate",
            strict=self.strict,
            changes=(ArgumentChange("samples a batch over all ranks", done // batches, size),),
            cause=f"the stateful loader goes on after {batches} batches, whatever their size",
            remedy=_REMEDY,
        )


class _Start:
    """Compares where what `skip_first_batches` returned begins with where the run is."""

    def __init__(self, clock: StepClock, *, strict: bool) -> None:
        # The clock keeps its checks; one that kept the clock as well would keep both for good.
        self._clock, self.strict = ref(clock), strict

    def __call__(self, begins: Exact) -> None:
        clock = self._clock()
        if clock is None:
            return
        inside = int(clock.epoch_done) > 0
        _compare(
            clock,
            begins,
            "The loader",
            strict=self.strict,
            cause="skip_first_batches left out other batches than those that are done",
            remedy='give clock.batches(loader, resume="skip") the loader that was prepared'
            if inside
            else "take the loader that was prepared for an epoch from its start",
        )


def _compare(clock: StepClock, goes_on: Exact, framework: str, *, strict: bool, **why: Any) -> None:
    """Says that the data go on at another point of the running epoch than the run has reached.

    Raises:
        TimelineError: that was asked for.
    """
    reached, unit = point_of(clock), goes_on.unit
    planned = clock.plan.segments[-1]
    whole = samples_of_epoch(planned) if unit == "sp" else planned.batches
    check = ResumeCheck(
        framework,
        reached,
        ResumePoint(reached.epoch, goes_on),
        Exact((clock.sample or 0) if unit == "sp" else clock.batch, unit),
        None if whole is None else Exact(whole, unit),
        **why,
    )
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
