"""The step that the loggers of the Trainer get.

What Lightning does (seen on 2.4 to 2.6): a metric that is called `step` replaces the step of what is logged with it: of
the metrics of a batch, of an epoch, of a validation. It keeps the type of its tensor, and float64 is exact.
Metrics of a batch are logged where an update ended a window, every `log_every_n_steps`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from stepbridge.adapters.base import LogStep

__all__ = ["Reporting"]


class Reporting:
    """Gives the loggers the step of the clock."""

    def __init__(self, step: LogStep) -> None:
        self.step = step

    def batch(self, trainer: Any, module: Any) -> None:
        """After a batch."""
        if trainer.loggers:
            self._log(module, on_step=True)

    def epoch(self, trainer: Any, module: Any) -> None:
        """After an epoch of training, or a validation."""
        if trainer.loggers:
            self._log(module, on_step=False)

    def _log(self, module: Any, *, on_step: bool) -> None:
        now = torch.tensor(self.step.now, dtype=torch.float64)
        module.log("step", now, on_step=on_step, on_epoch=not on_step, batch_size=1, prog_bar=False)
