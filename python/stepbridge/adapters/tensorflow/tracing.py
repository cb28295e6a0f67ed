"""Python runs once where a `tf.function` is traced, not once for each batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    from stepbridge.clock import StepClock

__all__ = ["refuse_tracing"]


def refuse_tracing(clock: StepClock) -> None:
    """Sees to it that batches are counted where Python runs once for each of them.

    Raises:
        RuntimeError: a `tf.function` is being traced, or a graph built.
    """
    if not tf.executing_eagerly():
        raise RuntimeError(
            f"{clock.name}: a batch was counted while a tf.function was traced, where Python runs once and not for "
            "each batch: keep `for batch in clock.batches(dataset)` outside, and call the tf.function in its body"
        )
