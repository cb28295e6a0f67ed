"""Early stopping whose patience is written in any unit.

What Keras does (seen on 3.15.1): `EarlyStopping` counts its own calls at the ends of epochs, from 0 in each fit, and
stops where `patience` of them brought no improvement. Here the clock says how long ago the best value was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from stepbridge.adapters.base import the_clock
from stepbridge.timeline import as_quantity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from stepbridge.clock import StepClock
    from stepbridge.timeline import Location, QuantityLike

__all__ = ["ClockEarlyStopping"]


class ClockEarlyStopping(keras.callbacks.EarlyStopping):  # type: ignore[misc]  # Keras has no types
    """Stops where a metric has not improved for so long, in any unit: "3ep", "500st", "10_000sp", "5%".

    With `patience` in epochs it stops where Keras's own does. Put it after `ClockCallback` in `callbacks=[...]`.

    Args:
        monitor: the metric, as in Keras.
        patience: for how long it may fail to improve.
        clock: the clock that `ClockCallback` keeps.
        check: how often to look inside an epoch as well ("100st"); only metrics of training are to be had there, and
            they are means over the epoch so far.
        start_from: from where on to look, as an amount from the start of the run.
        options: `min_delta`, `mode`, `baseline`, `restore_best_weights`, `verbose`, as in Keras.

    Raises:
        TypeError: not a clock, or an amount without a unit.
        ValueError: during training, where the clock does not know its position in the unit of `patience`.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: QuantityLike = "1ep",
        *,
        clock: StepClock,
        check: QuantityLike | None = None,
        start_from: QuantityLike | None = None,
        **options: Any,
    ) -> None:
        the_clock(clock)
        super().__init__(monitor=monitor, **options)
        self.best: Any = None
        self.clock = clock
        self._patience = as_quantity("patience", patience)
        self._start = None if start_from is None else as_quantity("start_from", start_from)
        self._check = None if check is None else clock.trigger(check)
        self._best_at: int | Fraction = 0
        self.stopped_at: Location | None = None
        """Where it stopped the training: the batch after which it did; None: it did not."""

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """A fit begins, and with it the waiting."""
        super().on_train_begin(logs)
        self.stopped_at = None
        self._best_at = self.clock.elapsed(self._patience.unit) if self.clock.batch else 0

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Looks, where `check` asks for it and is due."""
        if self._check:
            self._judge(logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Looks at the end of an epoch."""
        self._judge(logs)

    def _judge(self, logs: Mapping[str, Any] | None) -> None:
        clock = self.clock
        if self._start is not None and not clock.reached(self._start):
            return
        if self.monitor_op is None:
            self._set_monitor_op()
        value = self.get_monitor_value(logs)
        if value is None:
            return
        now = clock.elapsed(self._patience.unit)
        if self.restore_best_weights and self.best_weights is None:
            # Whatever comes first is the best so far.
            self._take_best()
        if self._is_improvement(value, self.best):
            self.best = value
            self._take_best()
            if self.baseline is None or self._is_improvement(value, self.baseline):
                self._best_at = now
            return
        if now - self._best_at >= self._patience.value:
            self.stopped_at = clock.location
            self.stopped_epoch = self.stopped_at.epoch
            self.model.stop_training = True

    def _take_best(self) -> None:
        self.best_epoch = self.clock.epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()
