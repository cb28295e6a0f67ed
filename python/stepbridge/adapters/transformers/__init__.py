"""The Trainer of Transformers: a callback that keeps the clock, and checks each resume before it trains.

- `ClockCallback(save="1ep", evaluate="0.25ep", log="10st")` counts what the Trainer really trains on, and drives it in
  any unit. It needs nothing but itself in `callbacks=[...]`; the clock is saved in every checkpoint;
- `ClockLR` is a learning rate in any unit, for `optimizers=(optimizer, ClockLR(...))`;
- `aligned_checkpoint` copies a checkpoint so that a Trainer with other arguments goes on at the true sample.

What the Trainer does to a step is in the docstring of the module that deals with it.
"""

from __future__ import annotations

from stepbridge.adapters.base import framework

with framework("transformers", title="Transformers", tested="4.46", through=("accelerate", "trl")):
    import transformers as _transformers  # noqa: F401  # first and alone; `framework` says why

from stepbridge.adapters.transformers.aligning import aligned_checkpoint
from stepbridge.adapters.transformers.callback import ClockCallback
from stepbridge.adapters.transformers.schedules import ClockLR

__all__ = ["ClockCallback", "ClockLR", "aligned_checkpoint"]
