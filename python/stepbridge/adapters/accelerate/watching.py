"""Counts the real updates of a prepared optimizer.

What Accelerate does (seen on 1.0 and 1.15): its optimizer holds the real one and the scaler, and calls neither where
the gradients are not synchronised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepbridge.adapters import torch as on_torch

if TYPE_CHECKING:
    from stepbridge.adapters.torch import Watch
    from stepbridge.clock import StepClock

__all__ = ["watch"]


def watch(clock: StepClock, optimizer: Any, name: str | None = None) -> Watch:
    """Counts the optimizer's real updates on the clock; see `stepbridge.adapters.torch.watch`.

    Args:
        clock: the loop's clock.
        optimizer: what `accelerator.prepare` returned. Its scaler, if it has one, says which updates are left out.
        name: what this optimizer is called.

    Raises:
        TypeError: not a clock, not an optimizer.
        ValueError: the clock watches this optimizer already, or another one by this name.
    """
    return on_torch.watch(clock, getattr(optimizer, "optimizer", optimizer), getattr(optimizer, "scaler", None), name)
