"""The callback that counts what `fit` trains on.

What Keras does (seen on 3.15.1, with TensorFlow 2.21, JAX 0.10 and PyTorch 2.15), and what is made of it:

- `on_train_batch_end(batch)` comes once an execution, with the index of its last batch; with `steps_per_execution` it
  says 2, 5, 8 for 7 batches in threes. With more than one batch an execution the optimizer's counter says how many
  there were, at each of them, since no other does: `steps_per_epoch=7` of endless data trains 9 batches in threes.
- Data of unknown length, or that ends before `steps_per_epoch`, brings a last `on_train_batch_begin` without an end on
  TensorFlow and JAX. Only ends are counted. On TensorFlow the optimizer's counter gains a batch that never was, each
  time (`conventions.py`); where gradients accumulate, the windows move with it, and an update can be lost. Before each
  epoch the clock's windows are moved along.
- `LossScaleOptimizer` leaves an update out and says nothing; its inner optimizer's counter does not move. A batch that
  it leaves out of a window does not bring the window on.
- `model.stop_training` is obeyed after a batch or an epoch; `on_epoch_end` comes in any case, `on_train_end` not where
  an exception ends the fit. The next fit begins at the data's start, so an epoch that was left is one that was cut.
- `params` hold `epochs` (the number to end before) and `steps` (batches an epoch, or None), no sizes and no
  `initial_epoch`: the first `on_epoch_begin` says that.
- `BackupAndRestore` loads in its `on_train_begin` and sets the epoch to begin with, which the model keeps for later
  fits too. A backup from inside an epoch begins that epoch again, while the optimizer's counter goes on: the part done
  stays on record as an epoch that was cut, so that the clock's epoch is one ahead of Keras's from there on.
- Callbacks are called in the order of the list.
- `fit` over `clock.rest(...)` trains what is left of a resumed epoch; `params["steps"]` then are those of the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from stepbridge._errors import TimelineError
from stepbridge.adapters.base import LoopDriver
from stepbridge.adapters.keras.checkpoint import Rider
from stepbridge.adapters.keras.counts import accumulation
from stepbridge.adapters.keras.fits import Fit
from stepbridge.clock import StepClock
from stepbridge.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ClockCallback"]


class ClockCallback(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Keeps a clock in step with `fit`, whatever the data, the backend, and the number of fits.

    Batches, steps, epochs and the accumulation are learned from Keras; so are the sizes of batches, as far as its
    tracker of the loss shows them, unless they are stated. A plan of the clock's own keeps its number of epochs; where
    Keras knows better it says so, once. Validation never moves the clock. At the end of each epoch
    `optimizer.iterations` is compared with the clock; what no known divergence explains is a `StepbridgeWarning`.

    The clock's state is part of every checkpoint that is saved while the callback is there (`ModelCheckpoint`,
    `BackupAndRestore`, `model.save`, `save_weights`), and is loaded with the weights. To load one before `fit`, call
    `callback.set_model(model)` first.

    Args:
        clock: the clock to keep; without one it makes its own, `callback.clock`.
        options: for a clock of its own, those of `StepClock`: `samples`, `batch_size`, `until`, `ledger`, ...

    Raises:
        TypeError: not a clock.
        TimelineError: a clock together with options for one; at `fit`: the clock has reached its `until` already.

    Warns:
        StepbridgeWarning: Keras counts what the clock does not expect, or it is unknown how many batches there were.
    """

    def __init__(self, clock: StepClock | None = None, **options: Any) -> None:
        super().__init__()
        if clock is None:
            planned = options.get("plan") is not None
            clock = StepClock(**(options if planned else {"boundary": "carry", **options}))
        elif options:
            raise TimelineError(f"give a clock, or the options of one ({', '.join(options)}), not both")
        self.driver = LoopDriver(clock)
        self.clock = clock
        # Bound once: this is all that most batches cost.
        self._count_one = clock.count_one
        self._horizon = clock.timeline.epochs
        self._fit: Fit | None = None
        #: Whether the clock's plan is what its author stated, and not what was learned or loaded.
        self._stated = True
        #: By how many batches Keras's counter was ahead of the clock when windows were last made to close together.
        self.lead: int | None = 0
        #: Whether every batch takes more than an addition, and the index of the next one that does.
        self._careful = False
        self._look: int | None = None
        #: Keras's index of the epoch at hand, or of the one that was loaded.
        self._epoch: int | None = None
        self._inside = False
        self._resumed = False
        self._loaded: dict[str, Any] | None = None

    def set_model(self, model: Any) -> None:
        """Takes the model, which from now on takes the clock along into its checkpoints. Keras calls it."""
        super().set_model(model)
        model.stepclock = Rider(self._save, self._load)

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002  # Keras's signature
        """A fit begins; its first epoch says with which number."""
        self._fit, self._inside = None, False

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """An epoch begins; `epoch` is Keras's index."""
        if self._loaded is not None:
            # The weights were loaded inside an epoch; what is left of the fit is planned from there.
            self._restore(self._loaded)
            self._fit = None
        clock = self.clock
        fit = self._fit
        if fit is None:
            self._close_what_is_open(epoch)
            fit = self._fit = Fit(self, epoch, horizon=self._horizon, stated=self._stated)
            self._stated = False
        self._epoch = epoch
        if fit.lost:
            return
        fit.align()
        if not self.driver.begin_epoch():
            end = "its plan has ended" if clock.until is None else f"until={str(clock.until)!r} is reached"
            raise TimelineError(
                f"{clock.name}: {end} after {clock.batch} batches, but fit() goes on: do not call it again"
            )
        fit.begin_epoch()
        self._inside = True
        self._careful, self._look = fit.careful, fit.look

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """An execution ended; `batch` is the index of its last batch in the epoch."""
        if self._careful or batch == self._look:
            self._count(batch)
        else:
            self._count_one()

    def _count(self, batch: int) -> None:
        if self._fit is not None:
            self._fit.count(batch)
            self._look = self._fit.look

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """An epoch ended, or was left."""
        self._inside = False
        if self._fit is not None:
            self._fit.end_epoch(compare=self._loaded is None)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """The fit ended."""
        self.driver.end_run()

    def _close_what_is_open(self, epoch: int) -> None:
        """Closes the epoch that an interrupted fit, or a checkpoint, left open: Keras does not go on inside it."""
        clock = self.clock
        resumed, self._resumed = self._resumed, False
        if not clock.in_epoch or clock.goes_on_in_rest:
            return
        # Of an epoch of unknown length, saved at its end, the clock was not told yet that it had ended.
        ended = resumed and self._epoch is not None and epoch == self._epoch + 1
        self.driver.end_epoch(cut=not ended or self.params["steps"] is not None)

    def _save(self) -> dict[str, Any]:
        """Returns what goes into a checkpoint."""
        ahead = self._fit.ahead() if self._fit is not None and self._inside else 0
        return {
            "clock": self.driver.state(),
            "epoch": self._epoch,
            "ahead": ahead,
            "lead": self.lead,
            "accumulate": self.clock.plan.segments[0].accumulate,
        }

    def _load(self, state: dict[str, Any]) -> None:
        """Takes what came out of one; inside an epoch it waits for the next one to begin."""
        if self._inside and self._fit is not None:
            self._loaded = state
        else:
            self._restore(state)

    def _restore(self, state: dict[str, Any]) -> None:
        clock = self.clock
        self._loaded = None
        self._as_keras_counts()
        self.driver.restore(state["clock"], pending="modulo")
        if state["ahead"]:
            # A callback before this one saved the model between its batch and the clock's count of it.
            if not clock.in_epoch:
                self.driver.begin_epoch()
            self.driver.batches(state["ahead"])
        self._epoch, self._resumed, self._stated = state["epoch"], True, False
        # Of windows of another size nothing is known.
        same = len(self.clock.plan.segments) == 1 and self.clock.plan.segments[0].accumulate == state["accumulate"]
        self.lead = state["lead"] if same else None

    def _as_keras_counts(self) -> None:
        """Gives a plan that was stated the rules of Keras, by which the checkpoint's was made as well."""
        clock = self.clock
        planned = clock.plan.segments
        if clock.batch or len(planned) != 1 or (planned[0].batches is None and planned[0].samples is None):
            return
        plan = planned[0]
        clock.replan(
            Timeline.plan(
                samples=plan.samples,
                batch_size=plan.batch_size,
                batches_per_epoch=plan.batches,
                epochs=plan.epochs,
                drop_last=plan.drop_last,
                accumulate=accumulation(self._model),
                boundary="carry",
            )
        )
