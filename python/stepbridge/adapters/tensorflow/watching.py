"""Counts the updates that really happen, by the optimizer's own counter.

What TensorFlow and Keras do (seen on TensorFlow 2.21 with Keras 3.15):

- `optimizer.iterations` rises once for each `apply` or `apply_gradients`, inside a `tf.function` too, where no Python
  hook runs. With `gradient_accumulation_steps=k` it is the count of calls over k, rounded down, over the whole run.
- `LossScaleOptimizer` leaves an update out where a gradient is not finite; `iterations` is that of the optimizer
  inside, and does not move. This is the only trace.
- Under a strategy it rises once for all replicas together. `int(iterations)` fails there; `.numpy()` works everywhere.
- `tf.compat.v1.train` optimizers raise the variable given as `global_step=`, and none without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import tensorflow as tf

from stepbridge.adapters import base
from stepbridge.adapters.base import the_clock
from stepbridge.adapters.tensorflow.tracing import refuse_tracing

if TYPE_CHECKING:
    from stepbridge.clock import StepClock

    #: A Keras optimizer, or the variable that another one raises.
    Counting: TypeAlias = tf.keras.optimizers.Optimizer | tf.Variable

__all__ = ["Watch", "watch"]


def watch(clock: StepClock, optimizer: Counting, name: str | None = None) -> Watch:
    """Compares the optimizer's own counter with the clock after each batch, and counts its real updates.

    A step that a `LossScaleOptimizer` left out becomes a mark: `clock.applied` does not count it. With any other
    optimizer a closed window without an update, an update in an open one and two in one are reported, once. The
    counter is read when the next batch is asked for, which waits for the update to be done; `sync()` reads it at once.

    Args:
        clock: the loop's clock.
        optimizer: a Keras optimizer; or, for one of `tf.compat.v1.train`, the variable that it raises (`global_step=`).
        name: what this optimizer is called; "optimizer" by default, then "optimizer2", "optimizer3". Its count is
            saved with the clock under this name.

    Returns:
        A handle: `applied` is its count, `remove()` ends the watch; it is a context manager too.

    Raises:
        TypeError: not a clock, or nothing that has a counter.
        ValueError: the clock watches this optimizer already, or another one by this name.

    >>> import keras
    >>> import tensorflow as tf
    >>> from stepbridge import StepClock
    >>> weight = tf.Variable(1.0)
    >>> optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    >>> clock = StepClock(batches_per_epoch=3, epochs=1)
    >>> with watch(clock, optimizer) as watched:
    ...     for epoch in clock.epochs():
    ...         for gradient in clock.batches([1.0, float("inf"), 1.0]):
    ...             _ = optimizer.apply_gradients([(tf.constant(gradient), weight)])
    >>> clock.step, clock.applied, int(optimizer.iterations)
    (3, 2, 2)
    """
    the_clock(clock)
    _check_counter(optimizer)
    return Watch(clock, optimizer, name)


class Watch(base.CounterWatch):
    """An optimizer that is watched; made by `watch`.

    Its count leaves out the update of the batch at hand until `sync`.
    """

    def __init__(self, clock: StepClock, optimizer: Counting, name: str | None) -> None:
        counter = None if hasattr(optimizer, "iterations") else str(optimizer.name).removesuffix(":0")
        super().__init__(clock, optimizer, name, counter)

    def read(self) -> int:
        """Returns the optimizer's own counter."""
        return int(getattr(self._kept, "iterations", self._kept).numpy())

    @property
    def left_out(self) -> bool:
        """Whether it may leave an update out on purpose."""
        return hasattr(self._kept, "inner_optimizer")

    def check(self) -> None:
        """Checks that no function is traced."""
        refuse_tracing(self.clock)


def _check_counter(optimizer: object) -> None:
    """Checks that there is a counter of updates.

    Raises:
        TypeError: there is none.
    """
    if hasattr(optimizer, "iterations"):
        return
    if isinstance(optimizer, tf.Variable) and optimizer.dtype.is_integer and optimizer.shape.rank == 0:
        return
    hint = (
        "an optimizer of tf.compat.v1.train has no counter of its own: give the variable that you pass as global_step="
    )
    raise TypeError(
        f"watch takes a Keras optimizer or a variable that counts updates, not {type(optimizer).__name__}: {hint}"
    )
