"""TensorBoard's callback, logging at the clock's count.

What Keras does (seen on 3.15.1): `TensorBoard` writes metrics of batches at a count of its own `on_train_batch_begin`s,
from 0 in each fit, so that a second fit draws over the first; one such call more comes where data of unknown length
ends, and with `steps_per_execution` it counts executions. Metrics of epochs are written at Keras's index of the epoch,
those of `evaluate` at `optimizer.iterations`, all into the same files. It writes with TensorFlow on every backend.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import keras

from stepbridge.adapters.base import LogStep
from stepbridge.timeline import Quantity, as_quantity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from stepbridge.clock import StepClock
    from stepbridge.timeline import QuantityLike, UnitLike

__all__ = ["ClockTensorBoard"]


class ClockTensorBoard(keras.callbacks.TensorBoard):  # type: ignore[misc]  # Keras has no types
    """Keras's `TensorBoard`, whose steps are the clock's count: on over fits and resumes, the same unit for all tags.

    Put it after `ClockCallback` in `callbacks=[...]`. The clock's ledger records how the step is logged, so that the
    logs are mapped back to epochs with no flag.

    Args:
        log_dir: as in Keras, like all that is not named here.
        clock: the clock that `ClockCallback` keeps.
        unit: what a step in the log counts: "step", "batch", "sample", "token" (counts, so the first one is 1), or
            "epoch" (an index from 0).
        update_freq: "epoch", "batch", a number of batches, or an amount in any unit ("50st"): how often metrics of
            batches are written. With accumulated gradients a step is logged once, at the batch that closes it.
        options: those of Keras: `histogram_freq`, `write_graph`, ...

    Raises:
        ImportError: TensorFlow, with which Keras writes the files, is not installed.
        TypeError: not a clock.
        ValueError: a unit that a log's step cannot count; during training: the clock does not know it.

    Warns:
        StepbridgeWarning: no `ClockCallback` stands before it.
    """

    def __init__(
        self,
        log_dir: str | PathLike[str] = "logs",
        *,
        clock: StepClock,
        unit: UnitLike = "step",
        update_freq: QuantityLike | int = "epoch",
        **options: Any,
    ) -> None:
        self._log_step = LogStep(clock, unit)
        if find_spec("tensorflow") is None:
            raise ImportError("Keras writes TensorBoard's files with TensorFlow: pip install 'stepbridge[tensorflow]'")
        self._every = None if update_freq == "epoch" else _amount(update_freq)
        super().__init__(log_dir, update_freq="epoch" if self._every is None else 1, **options)
        self.clock = clock
        self._counted = self._written = -1
        self._records = True
        self._log_step.record("stepbridge.adapters.keras.ClockTensorBoard")

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """A fit begins; the count goes on."""
        super().on_train_begin(logs)
        self._counted = self.clock.batch
        # A count is logged once it has moved; the index of an epoch from its first batch on.
        self._written = -1 if self._log_step.unit == "ep" else self._log_step.now

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """A batch begins: what the model itself writes in it is written at the count to come."""
        self._records = True
        if self.update_freq != "epoch":
            self._global_train_batch = self._log_step.now
        super().on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Writes the metrics of the batch, where they are due."""
        clock = self.clock
        if clock.batch == self._counted:
            clock.warn_once(
                "the clock of ClockTensorBoard",
                "one that has counted the batch",
                f"{clock.batch} batches still",
                "put ClockCallback(clock) before ClockTensorBoard in callbacks=[...]",
            )
        self._counted = clock.batch
        if self._every is None:
            self._records = False
        else:
            now = self._global_train_batch = self._log_step.now
            self._records = now != self._written and clock.every(self._every)
            if self._records:
                self._written = now
        super().on_train_batch_end(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Writes the metrics of the epoch."""
        self._records = True
        super().on_epoch_end(self.clock.epoch if self.clock.batch else 0, logs)

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """An evaluation begins; what is written in it is not thinned out."""
        self._records = True
        super().on_test_begin(logs)

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Writes the metrics of an evaluation."""
        with self._val_writer.as_default():
            for name, value in (logs or {}).items():
                self.summary.scalar(f"evaluation_{name}_vs_iterations", value, step=self._log_step.now)
        self._pop_writer()

    def _push_writer(self, writer: Any, step: int) -> None:
        """As in Keras, except that what is recorded is what is due by the clock."""
        if self.update_freq == "epoch":
            return
        contexts = writer.as_default(step), self.summary.record_if(lambda: self._records)
        self._prev_summary_state.append(contexts)
        for context in contexts:
            context.__enter__()

    def _log_epoch_metrics(self, epoch: int, logs: Mapping[str, Any] | None) -> None:  # noqa: ARG002
        super()._log_epoch_metrics(self._log_step.now, logs)

    def _log_weights(self, epoch: int) -> None:  # noqa: ARG002
        super()._log_weights(self._log_step.now)


def _amount(update_freq: QuantityLike | int) -> Quantity:
    """How often metrics of batches are written."""
    if update_freq == "batch":
        return Quantity(1, "ba")
    return Quantity(update_freq, "ba") if isinstance(update_freq, int) else as_quantity("update_freq", update_freq)
