"""A ModelCheckpoint that saves in any unit.

What Lightning does (seen on 2.4 to 2.6):

- a checkpoint holds no gradients, so that one inside a window loses those of it;
- a checkpoint of `on_train_batch_end` of an epoch's last batch goes on wrong (`stepbridge.checkpoints` has how). One of
  `on_train_epoch_end` goes on right with any loader, batch size and number of ranks;
- `ModelCheckpoint` saves at most once at each `global_step`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lightning.pytorch.callbacks import ModelCheckpoint

from stepbridge._errors import TimelineError
from stepbridge.adapters.lightning.callback import ClockCallback
from stepbridge.timeline import as_quantity

if TYPE_CHECKING:
    from stepbridge.clock import Trigger
    from stepbridge.timeline import QuantityLike

__all__ = ["ClockCheckpoint"]


class ClockCheckpoint(ModelCheckpoint):  # type: ignore[misc]  # mypy does not read Lightning
    """Saves when the clock has done so much more, in any unit.

    It saves after the update that ends the window in which that is reached, and at the end of an epoch only once the
    epoch is over: there a resume is exact.

    Args:
        counting: the callback that the Trainer is given as well.
        every: how often: "0.25ep", "10_000sp", "500st".
        options: those of `ModelCheckpoint`: `dirpath`, `filename`, `save_top_k`, `monitor`. None says when to save.

    Raises:
        TypeError: not a ClockCallback, `every` without a unit, or an option that says when to save.
    """

    _WHEN = ("every_n_train_steps", "every_n_epochs", "train_time_interval", "save_on_train_epoch_end")

    def __init__(self, counting: ClockCallback, every: QuantityLike, **options: Any) -> None:
        if not isinstance(counting, ClockCallback):
            raise TypeError(
                f"ClockCheckpoint takes the ClockCallback that the Trainer is given, not {type(counting).__name__}"
            )
        given = [name for name in self._WHEN if name in options]
        if given:
            raise TypeError(f"ClockCheckpoint saves by every={str(every)!r}: leave out {', '.join(given)}")
        self.counting = counting
        self.every = as_quantity("every", every)
        self._trigger: Trigger | None = None
        self._due = False
        super().__init__(every_n_train_steps=1, **options)

    @property
    def state_key(self) -> str:
        """Its name in a checkpoint; several of them differ in `every` or `monitor`."""
        key: str = self._generate_state_key(monitor=self.monitor, every=str(self.every))
        return key

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins to look at the clock: what was crossed before is done.

        Raises:
            TimelineError: the Trainer does not have the callback.
        """
        if self.counting not in trainer.callbacks:
            raise TimelineError(
                f"{self.counting.clock.name}: a ClockCheckpoint follows this clock, and its ClockCallback is not in "
                "the Trainer's callbacks: give the Trainer both"
            )
        super().on_train_start(trainer, pl_module)
        self._trigger, self._due = self.counting.clock.trigger(self.every), False

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Saves where an update ended a window, and the epoch goes on."""
        self._due = bool(self._trigger) or self._due
        if self._due and self.counting.clock.closes_step and not self.counting.is_last_batch:
            self._due = False
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Saves what came due in the last batch, now that the epoch is over."""
        # An end of an epoch that was not known before its last batch is seen here alone.
        self._due = bool(self._trigger) or self._due
        if self._due:
            self._due = False
            super().on_train_batch_end(trainer, pl_module, None, None, 0)
