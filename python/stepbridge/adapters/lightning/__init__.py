"""Lightning: a callback that keeps the clock, and checks each resume before it trains.

- `ClockCallback(log_step="sample")` counts what the Trainer really trains on; the clock is saved in every checkpoint;
- `ClockCheckpoint(counting, every="0.25ep")` is a `ModelCheckpoint` that saves in any unit, where a resume is exact.

A loop of Lightning Fabric is your own: `clock_for` and `watch` of `stepbridge.adapters.torch`, and `clock.batches`,
take what Fabric set up. What Lightning does to a step is in the docstring of the module that deals with it.
"""

from __future__ import annotations

from stepbridge.adapters.base import framework

with framework("lightning", title="Lightning", tested="2.4"):
    import lightning as _lightning  # noqa: F401  # first and alone; `framework` says why

from stepbridge.adapters.lightning.callback import ClockCallback
from stepbridge.adapters.lightning.checkpoint import ClockCheckpoint

__all__ = ["ClockCallback", "ClockCheckpoint"]
