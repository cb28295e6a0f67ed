"""Accelerate: the clock of a loop over a prepared loader, saved with the accelerator's state.

- `clock_for(accelerator, loader, epochs=3)` makes the clock that a prepared loader needs, on one rank or several. It is
  in what `accelerator.save_state` writes, and looks whether the accelerator's windows are the clock's;
- `watch(clock, optimizer)` counts the real updates of a prepared optimizer.

The loop is your own: `for batch in clock.batches(loader, resume="skip")`. What Accelerate does to a step is in the
docstring of the module that deals with it.
"""

from __future__ import annotations

from stepbridge.adapters.base import framework

with framework("accelerate", title="Accelerate", tested="1.0"):
    import accelerate as _accelerate  # noqa: F401  # first and alone; `framework` says why

from stepbridge.adapters.accelerate.clocks import clock_for
from stepbridge.adapters.accelerate.watching import watch

__all__ = ["clock_for", "watch"]
